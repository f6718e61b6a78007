/** Bodies of the query, result and monitoring answers. */
import type { Json } from './http.ts';
import { failure, success } from './http.ts';
import type { Finished, Query } from './query.ts';

/** The answer for a statement: in progress, failed, or its result with fresh chunk addresses. */
export async function answerOf(query: Query, chunkUrl: (index: number) => string): Promise<Json | string> {
  if (query.endedAt === null) return inProgress(query);
  if (query.finished === null) return failure(query.error, query.id);
  return resultBody(query, query.finished, chunkUrl);
}

function inProgress(query: Query): Json {
  const async = query.request.asyncExec === true;
  return {
    data: {
      queryId: query.id,
      getResultUrl: `/queries/${query.id}/result`,
      queryAbortsAfterSecs: 300,
      progressDesc: null,
    },
    code: async ? '333334' : '333333',
    message: async
      ? 'Asynchronous execution in progress. Use provided query id to perform query monitoring and management.'
      : 'Query execution in progress. Please retry later.',
    success: true,
  };
}

/** JSON text, so that inline rows go out as the engine wrote them. */
async function resultBody(query: Query, finished: Finished, chunkUrl: (index: number) => string): Promise<string> {
  const { result, layout, closing } = finished;
  const chunks = layout.chunks.map((chunk, index) => ({
    url: chunkUrl(index),
    rowCount: chunk.end - chunk.start,
    uncompressedSize: chunk.uncompressedSize,
    // Chunks are compressed when they are asked for.
    compressedSize: null,
  }));
  const head = {
    parameters: closing.parameters,
    rowtype: result.columns.map((column) => ({ database: '', schema: '', table: '', collation: null, ...column })),
    total: result.rowCount,
    returned: result.rowCount,
    queryId: query.id,
    databaseProvider: null,
    finalDatabaseName: closing.database,
    finalSchemaName: closing.schema,
    finalWarehouseName: closing.warehouse,
    finalRoleName: closing.role,
    numberOfBinds: Object.keys(query.request.bindings ?? {}).length,
    arrayBindSupported: query.kind === 'INSERT',
    statementTypeId: result.statementTypeId,
    version: 1,
    sendResultTime: Date.now(),
    queryResultFormat: 'json',
    queryContext: { entries: [] },
    ...(chunks.length === 0 ? {} : { chunks, chunkHeaders: query.chunkHeaders }),
  };
  const rows = layout.inlineRows === 0 ? '' : Buffer.from(await result.chunk(0, layout.inlineRows)).toString();
  const data = `${JSON.stringify(head).slice(0, -1)},"rowset":[${rows}]}`;
  return `{"data":${data},"code":null,"message":null,"success":true}`;
}

/** `GET /monitoring/queries/<id>`; no entry for a statement that is unknown or another user's. */
export function monitoringBody(query: Query | undefined): Json {
  if (query === undefined) return success({ queries: [] });
  const entry = {
    id: query.id,
    status: query.status,
    state: query.endedAt === null ? 'EXECUTING' : query.status === 'SUCCESS' ? 'SUCCEEDED' : 'FAILED',
    sqlText: query.request.sqlText,
    queryTag: query.tag,
    sessionId: query.session.id,
    userName: query.session.user.name.toUpperCase(),
    startTime: query.startedAt,
    endTime: query.endedAt ?? 0,
    totalDuration: (query.endedAt ?? Date.now()) - query.startedAt,
    errorCode: query.error?.code ?? null,
    errorMessage: query.error?.message ?? null,
  };
  return success({ queries: [entry] });
}
