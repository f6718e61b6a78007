import { describe, expect, test } from 'vitest';
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import { JsonRecords } from '../../lambdas/encoding/read-json.ts';
import type { Op } from '../../lambdas/protocol/ports/records.ts';
import type { Column } from '../../lambdas/protocol/window.ts';
import { batchOf, column, layout, windowOf, type Cell } from './records.ts';

const number = (name: string, precision: number): Column => ({ ...column(name, 'NUMBER', precision), scale: 0 });
const columns = [number('ID', 18), column('NAME', 'VARCHAR'), number('COUNT', 9)];

const formats = (['json', 'json-with-schema'] as const).flatMap((type) =>
  (['debezium', 'flat'] as const).map((envelope) => ({ type, key: type, envelope, tombstones: true })),
);

async function written(format: ResolvedSource['format'], op: Op, row: Cell[], of = columns): Promise<Buffer> {
  const source = { name: 'flights', format } as ResolvedSource;
  const encoders = createEncoders({ app: 'demo' } as ResolvedConfig, source);
  const encoder = await encoders.forWindow(windowOf(of), layout, 0);
  const batch = batchOf([row]);
  encoder.encode(op, op === 'd' ? batch : null, 0, op === 'd' ? null : batch, 0, 5);
  return Buffer.from(encoder.bytes.subarray(encoder.valueStart, encoder.valueEnd));
}

describe.each(formats)('$type $envelope', (format) => {
  const records = new JsonRecords(columns, format);
  const read = async (op: Op, row: Cell[], of = columns) => {
    const bytes = await written(format, op, row, of);
    return records.read(bytes, 0, bytes.length)!;
  };

  test('op, position and row come back, whatever op the row came with', async () => {
    const row = ['123456789012345678', 'tab\t "quoted" \u{1f600}', '7'];
    const created = await read('c', row);
    expect(created).toMatchObject({ op: 'c', window: 7, row: 5 });
    expect((await read('r', row)).image).toBe(created.image);
    expect(await read('d', row)).toEqual({ op: 'd', window: 7, row: 5, image: null });
  });

  test('rows that differ in a digit, or in NULL, differ', async () => {
    const rows = [
      ['123456789012345678', 'a', '7'],
      ['123456789012345679', 'a', '7'],
      ['123456789012345678', '', '7'],
      ['123456789012345678', null, '7'],
    ];
    const images = await Promise.all(rows.map((row) => read('c', row)));
    expect(new Set(images.map(({ image }) => image)).size).toBe(rows.length);
  });

  test('a column that came or went since, or a number that got wider, makes no difference', async () => {
    const now = await read('c', ['1', 'a', null]);
    const [id, name] = columns as [Column, Column, Column];
    expect((await read('c', ['1', 'a'], [id, name])).image).toBe(now.image);
    expect((await read('c', ['x', '1', 'a'], [column('GONE', 'VARCHAR'), id, name])).image).toBe(now.image);
    if (format.type === 'json') expect((await read('c', ['1', 'a'], [number('ID', 9), name])).image).toBe(now.image);
  });

  test.each(['', 'null', '[]', '{}', '{"op":"c"', '{"payload":{"op":"c","after":{},"source":{}}}', '\xff\xfe'])(
    'what this source never writes is told apart: %j',
    (text) => {
      const bytes = Buffer.from(text, 'latin1');
      expect(records.read(bytes, 0, bytes.length)).toBeNull();
    },
  );
});
