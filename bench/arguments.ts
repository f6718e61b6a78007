/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util';

export type Arguments = {
  json: boolean;
  write: boolean;
  rows: number;
  runs: number;
  /** Names of parts; empty: all of them. */
  only: string[];
  broker: 'apache' | 'local' | null;
  /** Jar of a Kafka Connect JDBC source, or a folder of its jars. */
  jdbcSource: string | null;
};

export const USAGE = `npm run bench -- [--json] [--write] [--rows N] [--runs N] [--only NAME,...] [--broker apache|local]
  [--jdbc-source PATH]

  --json     prints the results as JSON instead of tables
  --write    puts the tables into bench/README.md, parts that were not run stay
  --rows     rows of one run (1,000,000); long runs have ten times as many
  --runs     runs of which the median is taken (5)
  --broker   Apache Kafka where Java and Maven are, unless this says otherwise
  --jdbc-source  jar of a JDBC source for Kafka Connect, or a folder of its jars, for peers`;

/** @throws Error that says what is wrong with them */
export function readArguments(args: string[], parts: readonly string[]): Arguments {
  const { values } = parseArgs({
    args,
    options: {
      json: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      rows: { type: 'string', default: '1000000' },
      runs: { type: 'string', default: '5' },
      only: { type: 'string', default: '' },
      broker: { type: 'string' },
      'jdbc-source': { type: 'string' },
    },
  });
  const only = values.only.split(',').filter((name) => name !== '');
  const unknown = only.filter((name) => !parts.includes(name));
  if (unknown.length > 0) throw new Error(`--only: no part ${unknown.join(', ')}; there are ${parts.join(', ')}`);
  const { broker = null } = values;
  if (broker !== null && broker !== 'apache' && broker !== 'local') throw new Error('--broker: apache or local');
  const { json, write } = values;
  const jdbcSource = values['jdbc-source'] ?? null;
  const [rows, runs] = [whole('--rows', values.rows), whole('--runs', values.runs)];
  return { json, write, rows, runs, only, broker, jdbcSource };
}

function whole(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`${name}: a whole number above zero`);
}
