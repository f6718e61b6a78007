/**
 * The oracle as a process of its own, so that its memory is not the runner's: the question comes as JSON in the first
 * argument, the verdict goes as one JSON line to stdout, what it found to stderr. It ends when stdin closes.
 */
import { readFlights } from '../../local/demo/duckdb.ts';
import { flightColumns, type DemoColumn } from '../../local/demo/flights.ts';
import { readLedger } from '../../local/demo/ledger.ts';
import { check, type Kind } from './check.ts';
import { readWindows, type CheckpointTable } from './checkpoints.ts';
import type { Defects } from './compare.ts';
import { formatOf, Schemas, type FormatName } from './formats.ts';
import { checkProgress } from './progress.ts';
import { readTopic, type TopicRecord } from './topic.ts';

export type Question = {
  brokers: string[];
  topic: string;
  key: string[];
  tombstones: boolean;
  /** Absent: changes of the flights, as plain JSON in Debezium's envelope. */
  kind?: Kind;
  /** Its changes come through a stream. */
  stream?: boolean;
  columns?: readonly DemoColumn[];
  added?: readonly string[];
  format?: { key: FormatName; type: FormatName; envelope: 'debezium' | 'flat' };
  /** Topic of progress. */
  progress?: string | null;
  /** Of a Confluent registry. */
  registry?: string | null;
  checkpoints: CheckpointTable;
  source: string;
  /** Rows that were loaded from the flights. */
  rows: number;
  ledger: string;
  /** Nanoseconds since 1970, as digits. */
  lastCommit: string;
};

process.stdin.resume();
process.stdin.on('close', () => process.exit(1));

const question = JSON.parse(process.argv[2]!) as Question;
const { kind = 'changes', stream = false, columns = flightColumns, added = [], key, registry = null } = question;
const { format = { key: 'json', type: 'json', envelope: 'debezium' } } = question;
const table = { columns, key, added };
const schemas = registry === null ? null : new Schemas(registry);
const isFramed = (name: FormatName) => name === 'avro' || name === 'protobuf';
// An added column is text.
const text = added.map((name): DemoColumn => ({ name, kind: 'text', sqlType: 'VARCHAR', source: '' }));
const all = [...columns, ...text];
const keyColumns = all.filter(({ name }) => key.includes(name));
const explain = (what: string) => process.stderr.write(`oracle: ${what}\n`);
const windows = await readWindows(question.checkpoints, question.source);
const verdict = await check({
  kind,
  stream,
  table,
  tombstones: question.tombstones,
  form: {
    key: formatOf(format.key, keyColumns, schemas),
    value: formatOf(format.type, all, schemas),
    envelope: format.envelope,
  },
  windows,
  loaded: question.rows === 0 ? [] : readFlights(question.rows),
  ledger: readLedger(question.ledger),
  lastCommit: BigInt(question.lastCommit),
  topic: (each) => readTopic(question.brokers, question.topic, each),
  prepare: (record) =>
    schemas?.learn(isFramed(format.key) ? record.key : null, isFramed(format.type) ? record.value : null),
  explain,
});
if (question.progress) {
  const ends: TopicRecord[] = [];
  await readTopic(question.brokers, question.progress, (record) => void ends.push(record));
  const found = checkProgress(question.source, windows, ends, explain);
  for (const name of Object.keys(found) as (keyof Defects)[]) verdict[name] += found[name];
}
process.stdout.write(`${JSON.stringify(verdict)}\n`, () => process.exit(0));
