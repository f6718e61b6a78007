/**
 * The oracle as a process of its own, so that its memory is not the runner's: the question comes as JSON in the first
 * argument, the verdict goes as one JSON line to stdout, what it found to stderr. It ends when stdin closes.
 */
import { readFlights } from '../../local/demo/duckdb.ts';
import { flightColumns } from '../../local/demo/flights.ts';
import { readLedger } from '../../local/demo/ledger.ts';
import { check } from './check.ts';
import { readWindows, type CheckpointTable } from './checkpoints.ts';
import { readTopic } from './topic.ts';

export type Question = {
  brokers: string[];
  topic: string;
  key: string[];
  tombstones: boolean;
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
const verdict = await check({
  table: { columns: flightColumns, key: question.key },
  tombstones: question.tombstones,
  windows: await readWindows(question.checkpoints, question.source),
  loaded: readFlights(question.rows),
  ledger: readLedger(question.ledger),
  lastCommit: BigInt(question.lastCommit),
  topic: (each) => readTopic(question.brokers, question.topic, each),
  explain: (what) => process.stderr.write(`oracle: ${what}\n`),
});
process.stdout.write(`${JSON.stringify(verdict)}\n`, () => process.exit(0));
