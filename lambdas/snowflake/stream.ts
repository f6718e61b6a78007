/** What is asked of Snowflake for stream sources: what a stream gives, its ledger, its stages. */
import { ROW_ID } from '../config/captures.ts';
import { SnowmeltError } from '../errors.ts';
import type { LedgerEntry, ObjectFacts, StreamRequest } from '../protocol/ports/snowflake.ts';
import type { Column, Layout, ObjectName } from '../protocol/window.ts';
import type { Ask } from './gate.ts';
import { describeColumns, describeObject, instant } from './object.ts';
import { resultColumn } from './query.ts';
import type { ResultColumn } from './session.ts';
import {
  createLedgerStatement,
  createStageStatement,
  createStreamStatement,
  ledgerOf,
  ledgerStatement,
  sourceColumns,
  streamColumnsStatement,
} from './sql/stream.ts';
import { showStreamStatement } from './sql/statements.ts';

/** A stream without rows is read this often all the same: half of it. What keeps it from going stale costs next to nothing. */
const quietMs = 86_400_000;

/** What a stream is on whose METADATA$ROW_ID is empty. */
const OF_FILES = new Set(['STAGE', 'EXTERNAL TABLE']);

type Compile = (statement: string) => Promise<ResultColumn[]>;

/** @throws OBJECT_MISSING, STREAM_UNFIT, KEY_INVALID; HISTORY_LOST for a stream that is stale */
export async function describeStream(
  ask: Ask,
  compile: Compile,
  layout: Omit<Layout, 'number'>,
  stream: ObjectName | null,
): Promise<ObjectFacts> {
  const shown = stream === null ? null : await showStream(ask, stream, layout);
  if (layout.stream!.managed) {
    const facts = await describeObject(ask, layout.object);
    if (facts.isView) throw new SnowmeltError('STREAM_UNFIT', 'A stream on a view is for its owner to make.');
    // A source that read the table itself until now has changes that no stream has.
    return { ...facts, createdOn: `stream on ${facts.createdOn}`, columns: sourceColumns(facts.columns, layout) };
  }
  const columns = await compile(streamColumnsStatement(stream!));
  return {
    createdOn: shown!,
    tracking: true,
    retentionMs: quietMs,
    columns: sourceColumns(columns.map(columnOf), layout),
  };
}

/** Its `created_on`. The pattern of SHOW ignores case: more than the one may come. */
async function showStream(
  ask: Ask,
  stream: ObjectName,
  { information, key }: Pick<Layout, 'information' | 'key'>,
): Promise<string> {
  const name = `${stream.database}.${stream.schema}.${stream.name}`;
  const row = (await ask(showStreamStatement(stream))).find((each) => each.name === stream.name);
  if (row === undefined) throw new SnowmeltError('OBJECT_MISSING', `${name} is not a stream that the role sees`);
  if (/^true$/i.test(String(row.stale))) {
    throw new SnowmeltError('HISTORY_LOST', `Stream ${name} is stale: what changed since it was read is lost.`);
  }
  const mode = String(row.mode).toUpperCase();
  if ((mode === 'DEFAULT') !== (information === 'DEFAULT')) {
    throw new SnowmeltError('STREAM_UNFIT', `The mode of stream ${name} is ${mode}.`);
  }
  const on = String(row.source_type);
  if (key.includes(ROW_ID) && OF_FILES.has(on.toUpperCase())) {
    throw new SnowmeltError('KEY_INVALID', `Stream ${name} is on a ${on}, whose rows have no id: name a \`key\`.`);
  }
  const createdOn = instant(row.created_on);
  if (createdOn === '') throw new SnowmeltError('RESULT_MALFORMED', 'SHOW STREAMS gave a row without a time');
  return createdOn;
}

/** With the digits of times, which a stage keeps. */
function columnOf(column: ResultColumn): Column {
  const { type, ...rest } = resultColumn(column);
  return { type, ...rest, ...(type.startsWith('TIME') && { precision: column.getScale() }) };
}

export async function describeStage(ask: Ask, layout: Layout, table: ObjectName): Promise<{ columns: Column[] }> {
  return { columns: sourceColumns(await describeColumns(ask, table), layout) };
}

/** All of it can be repeated. A stage's name is never used twice. */
export async function prepareStage(ask: Ask, request: StreamRequest): Promise<{ began: boolean }> {
  // Before anything is made: what a stage can't keep is refused.
  const stage = createStageStatement(request);
  const { turn, layout } = request;
  let began = false;
  if (turn.number === 1 && layout.stream!.managed) {
    began = !(await ask(showStreamStatement(turn.stream))).some(({ name }) => name === turn.stream.name);
    await ask(createStreamStatement(request));
  }
  if (turn.number === 1) await ask(createLedgerStatement(request));
  await ask(stage);
  return { began };
}

/** @throws RESULT_MALFORMED */
export async function readLedger(
  ask: Ask,
  stream: ObjectName,
  staging: Omit<ObjectName, 'name'>,
): Promise<LedgerEntry | null> {
  let rows;
  try {
    rows = await ask(ledgerStatement(ledgerOf(stream, staging)));
  } catch (error) {
    if (error instanceof SnowmeltError && error.code === 'OBJECT_MISSING') return null;
    throw error;
  }
  const [row, ...others] = rows;
  const { LIFE: life, STAGE: stage, STAGED: table, AT: at } = row ?? {};
  const texts = [life, stage, table, at];
  if (others.length > 0 || !texts.every((each) => typeof each === 'string'))
    throw new SnowmeltError('RESULT_MALFORMED', 'The ledger of a stream has not its one row');
  if (life === '') return null;
  const time = Date.parse(`${String(at).replace(' ', 'T')}Z`);
  if (Number.isNaN(time)) throw new SnowmeltError('RESULT_MALFORMED', 'The ledger of a stream has no time');
  return { life: String(life), stage: Number(stage), table: String(table), at: new Date(time).toISOString() };
}
