import type { Part } from '../part.ts';
import { summary, type Run } from '../run.ts';

const cases = [
  { name: 'JSON, envelope, create', args: ['c', 'debezium', 'json'] },
  { name: 'JSON, envelope, update (both images)', args: ['u', 'debezium', 'json'] },
  { name: 'JSON, flat, create', args: ['c', 'flat', 'json'] },
  { name: 'Avro, envelope, create', args: ['c', 'debezium', 'avro'] },
  { name: 'Avro, flat, create', args: ['c', 'flat', 'avro'] },
  { name: 'Protobuf, envelope, create', args: ['c', 'debezium', 'protobuf'] },
  { name: 'Protobuf, flat, create', args: ['c', 'flat', 'protobuf'] },
] as const;

/** Rows -> bytes. */
export const encode: Part = {
  name: 'encode',
  what: 'rows of a batch -> key and value as bytes, in memory',
  async run(context) {
    const lines = [];
    for (const table of ['flights', 'wide'] as const) {
      const rows = table === 'flights' ? context.args.rows : Math.ceil(context.args.rows / 4);
      const { folder } = await context.served(table, rows);
      const runs = cases.map((): Run[] => []);
      for (let run = 0; run < context.args.runs; run++) {
        for (const [at, { args }] of cases.entries()) {
          runs[at]!.push(await context.measured('measured/encode.ts', [folder, rows, ...args]));
        }
      }
      const columns = table === 'flights' ? '10 columns' : '40 columns';
      lines.push(...cases.map(({ name }, at) => summary(`${name}, ${columns}`, runs[at]!)));
    }
    return lines;
  },
};
