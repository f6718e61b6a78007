/** Runs one statement: checks, faults, warehouse, engine, layout of the result. */
import type { EngineResult } from '../contract.ts';
import { SqlError } from '../contract.ts';
import { layOut } from './layout.ts';
import type { Queries } from './queries.ts';
import type { Closing, Finished, Query } from './query.ts';
import type { Session } from './sessions.ts';
import { parameterList } from './sessions.ts';
import { countStatements, tablesNamed, tokens } from './sql-text.ts';

type Account = Pick<Queries, 'engine' | 'settings' | 'faults' | 'counters' | 'warehouses'>;

/** The finished statement; throws SqlError, the abort's own when it was aborted. */
export async function execute(query: Query, account: Account): Promise<Finished> {
  const { session, request } = query;
  let needsWarehouse: boolean | undefined;
  let failed = true;
  const timeout = startTimeout(query);
  try {
    checkParameters(query);
    checkOneStatement(query);
    await injected(query, account);
    const work = async () => {
      query.abort.signal.throwIfAborted();
      const plan = await session.engine.plan(request.sqlText, request.bindings);
      needsWarehouse = plan.needsWarehouse && request.describeOnly !== true;
      const release = needsWarehouse ? account.warehouses.use(warehouseOf(session)) : null;
      try {
        const made: EngineResult = await session.engine.execute(request.sqlText, {
          queryId: query.id,
          ...(request.bindings === undefined ? {} : { bindings: request.bindings }),
          describeOnly: request.describeOnly === true,
          signal: query.abort.signal,
        });
        return [made, closingOf(session)] as const;
      } finally {
        release?.();
      }
    };
    const [result, closing] = await session.inTurn(work, query.kind === 'SELECT');
    const layout = await layOut(result, limitsOf(session, account));
    failed = false;
    return { result, layout, closing };
  } catch (error) {
    throw query.abort.signal.aborted ? query.abort.signal.reason : error;
  } finally {
    clearTimeout(timeout);
    if (request.describeOnly === true) account.counters.add('describeOnly');
    else account.counters.statement(query.kind, query.tag, needsWarehouse, failed);
  }
}

/** Of what Snowflake lets a single statement set, only this is emulated; the rest must not pass for set. */
const statementParameters = new Set(['QUERY_TAG', 'MULTI_STATEMENT_COUNT']);

function checkParameters({ request }: Query): void {
  for (const name of Object.keys(request.parameters ?? {})) {
    if (statementParameters.has(name)) continue;
    throw new SqlError('000002', '0A000', `Unsupported feature 'parameter ${name} of a single statement'.`);
  }
}

/** Nothing of a request with several statements runs. */
function checkOneStatement({ request, session }: Query): void {
  const count = countStatements(tokens(request.sqlText));
  const wanted = Number(
    request.parameters?.MULTI_STATEMENT_COUNT ?? session.engine.parameters.get('MULTI_STATEMENT_COUNT') ?? 1,
  );
  if (count === 0) throw new SqlError('000900', '42601', 'Empty SQL statement.');
  if (wanted !== 1 && count > 1) {
    throw new SqlError('000002', '0A000', "Unsupported feature 'multiple statements in one request'.");
  }
  if (wanted !== 0 && count !== wanted) {
    throw new SqlError(
      '000008',
      '0A000',
      `Actual statement count ${count} did not match the desired statement count ${wanted}.`,
    );
  }
}

async function injected(query: Query, { engine, faults }: Account): Promise<void> {
  const wait = faults.take(['slow-query', 'hold-query'], query.seen);
  if (wait?.fault === 'slow-query') await abortable(query, new Promise((go) => setTimeout(go, wait.ms ?? 1000)));
  if (wait?.fault === 'hold-query') await abortable(query, faults.removed(wait.id));

  const rule = faults.take(['error', 'history-lost', 'tracking-missing', 'future-data'], query.seen);
  if (rule === undefined) return;
  const { database, schema } = query.session.engine;
  const [table] = tablesNamed(tokens(query.request.sqlText), database, schema);
  const bare = table?.split('.').at(-1) ?? 'T';
  const texts = {
    error: ['000603', 'XX000', 'SQL execution internal error: injected'],
    'history-lost': [
      '000707',
      '02000',
      `Time travel data is not available for table ${bare}. The requested time is either beyond the allowed time ` +
        'travel period or before the object creation time.',
    ],
    'tracking-missing': [
      '091930',
      '2F003',
      `SQL compilation error: Change tracking is not enabled or has been missing for the time range requested on ` +
        `table '${table ?? 'T'}'.`,
    ],
    'future-data': [
      engine.assumptions.get('future-code'),
      '02000',
      `Future data is not yet available for table ${bare}.`,
    ],
  }[rule.fault as 'error'] as [string, string, string];
  throw new SqlError(rule.code ?? texts[0], rule.sqlState ?? texts[1], rule.message ?? texts[2]);
}

async function abortable(query: Query, wait: Promise<unknown>): Promise<void> {
  const { signal } = query.abort;
  await new Promise<void>((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void wait.then(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    });
  });
}

/** One that the role may not use is as good as none. */
function warehouseOf({ engine }: Session): string {
  if (engine.warehouse !== null && engine.mayUse?.(engine.warehouse) !== false) return engine.warehouse;
  throw new SqlError(
    '000606',
    '57P03',
    'No active warehouse selected in the current session.  ' +
      "Select an active warehouse with the 'use warehouse' command.\n",
  );
}

function closingOf(session: Session): Closing {
  const { database, schema, warehouse, role } = session.engine;
  return { parameters: parameterList(session), database, schema, warehouse, role };
}

function limitsOf(session: Session, { settings }: Account) {
  const wanted = Number(session.engine.parameters.get('CLIENT_RESULT_CHUNK_SIZE')) * 1_000_000;
  const maxChunkBytes = wanted > 0 ? Math.min(settings.maxChunkBytes, wanted) : settings.maxChunkBytes;
  return { inlineBytes: settings.inlineBytes, firstChunkBytes: settings.firstChunkBytes, maxChunkBytes };
}

function startTimeout(query: Query): NodeJS.Timeout | undefined {
  const seconds = Number(query.session.engine.parameters.get('STATEMENT_TIMEOUT_IN_SECONDS') ?? 0);
  if (!(seconds > 0)) return undefined;
  const message = `Statement reached its statement or warehouse timeout of ${seconds} second(s) and was canceled.`;
  const expire = () => query.abort.abort(new SqlError('000630', '57014', message));
  return setTimeout(expire, Math.min(seconds * 1000, 2_000_000_000)).unref();
}
