/** A record, parsed, is the object that its rows say, whatever is in them. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { casts } from '../../lambdas/snowflake/sql/casts.ts';
import { connectorVersion } from '../../lambdas/encoding/envelope.ts';
import { writeInteger } from '../../lambdas/encoding/cells.ts';
import { types } from '../../lambdas/encoding/types.ts';
import type { Op } from '../../lambdas/protocol/ports/records.ts';
import type { Column } from '../../lambdas/protocol/window.ts';
import type { Cell } from './records.ts';
import { batchOf, column, encoded, encoderFor, now, recordOf, to } from './records.ts';

const columns = [column('ID', 'NUMBER', 38), column('NAME', 'VARCHAR'), column('SMALL', 'NUMBER', 10)];

test("Debezium's envelope", async () => {
  const encoder = await encoderFor(columns);
  const update = encoded(encoder, 'u', ['1', 'old', '2'], ['1', 'né"w', null], 42);
  expect(update.key).toBe('{"ID":"1"}');
  expect(update.value).toBe(
    '{"before":{"ID":"1","NAME":"old","SMALL":2},"after":{"ID":"1","NAME":"né\\"w","SMALL":null},' +
      '"source":{"version":"0.1.0","connector":"snowmelt","name":"demo","ts_ms":1767225900000,"ts_of":"window","snapshot":"false",' +
      '"db":"DB","schema":"PUBLIC","table":"FLIGHTS","source":"flights","partition":1,"window":7,"row":42},' +
      `"op":"u","ts_ms":${now}}`,
  );
  expect(JSON.parse(encoded(encoder, 'c', null, ['1', 'a', '2']).value)).toMatchObject({ before: null, op: 'c' });
  const deleted = encoded(encoder, 'd', ['5', 'a', '2'], null);
  expect(deleted.key).toBe('{"ID":"5"}');
  expect(JSON.parse(deleted.value)).toMatchObject({ before: { ID: '5' }, after: null, op: 'd' });
});

test('a window has keys in the format of its layout, whatever the configuration says by now', async () => {
  const encoder = await encoderFor(columns, { keyFormat: 'json-with-schema' });
  const { key, value } = encoded(encoder, 'c', null, ['1', 'a', '2']);
  expect(JSON.parse(key)).toMatchObject({ schema: { type: 'struct' }, payload: { ID: expect.anything() as unknown } });
  expect(JSON.parse(value)).not.toHaveProperty('schema');
});

test('flat records', async () => {
  const encoder = await encoderFor(columns, { envelope: 'flat', tombstones: false });
  expect(encoder.tombstones).toBe(false);
  expect(encoded(encoder, 'u', ['1', 'old', '2'], ['1', 'new', '3'], 9).value).toBe(
    `{"ID":"1","NAME":"new","SMALL":3,"__op":"u","__ts_ms":${now},"__window":7,"__row":9}`,
  );
  expect(encoded(encoder, 'd', ['1', 'old', '2'], null, 10).value).toBe(
    `{"ID":"1","NAME":"old","SMALL":2,"__op":"d","__ts_ms":${now},"__window":7,"__row":10,"__deleted":true}`,
  );
});

test('rows of a snapshot say so', async () => {
  const encoder = await encoderFor(columns, { window: { kind: 'snapshot', from: null } });
  expect(JSON.parse(encoded(encoder, 'r', null, ['1', 'a', '2']).value)).toMatchObject({
    op: 'r',
    source: { snapshot: 'true', ts_ms: Date.parse(to) },
  });
});

test('a key has its columns in the order of the key', async () => {
  const encoder = await encoderFor(columns, { key: ['SMALL', 'ID'] });
  expect(encoded(encoder, 'c', null, ['1', 'a', '2']).key).toBe('{"SMALL":2,"ID":"1"}');
});

// ---------------------------------------------------------------- any rows

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('', '\\', '"', '\ud800', '\u0000\u001f', '💧'.repeat(30), 'x'.repeat(5_000)),
);
const decimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 14n), max: 10n ** 14n }), fc.integer({ min: 0, max: 4 }))
  .map(([digits, scale]) => {
    const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
    const point = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`;
    return digits < 0n ? `-${point}` : point;
  });
const float = fc.double().map((value) => {
  if (Number.isNaN(value)) return 'NaN';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return value.toExponential().replace('e+', 'E').replace('e', 'E');
});

/** A cell's text by column type, and the value that a record must have for it. */
const kinds: { column: (name: string) => Column; text: fc.Arbitrary<string>; value: (text: string) => unknown }[] = [
  ...['VARCHAR', 'VARIANT', 'OBJECT', 'ARRAY', 'BINARY', 'DATE', 'TIME', 'TIMESTAMP_NTZ', 'TIMESTAMP_TZ'].map(
    (type) => ({
      column: (name: string) => column(name, type),
      text: anyText,
      value: (text: string) => text,
    }),
  ),
  { column: (name) => column(name, 'NUMBER', 38), text: decimal, value: (text) => text },
  { column: (name) => column(name, 'NUMBER', 15), text: decimal, value: Number },
  {
    column: (name) => column(name, 'FLOAT'),
    text: float,
    value: (text) => ({ NaN: 'NaN', inf: 'Infinity', '-inf': '-Infinity' })[text] ?? Number(text),
  },
  {
    column: (name) => column(name, 'BOOLEAN'),
    text: fc.constantFrom('true', 'false'),
    value: (text) => text === 'true',
  },
];

const anyWindow = fc
  .uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 8 })
  .filter((names) => !names.some((name) => name.startsWith('__')))
  .chain((names) =>
    fc.tuple(...names.map(() => fc.nat(kinds.length - 1))).chain((picks) => {
      const cells = picks.map((pick) => fc.option(kinds[pick]!.text, { freq: 6 }));
      return fc.record({
        columns: fc.constant(names.map((name, at) => kinds[picks[at]!]!.column(name))),
        expectedOf: fc.constant((row: Cell[]): Record<string, unknown> =>
          Object.fromEntries(
            row.map((text, at) => [names[at]!, text === null ? null : kinds[picks[at]!]!.value(text)]),
          ),
        ),
        rows: fc.array(fc.tuple(...cells) as fc.Arbitrary<Cell[]>, { minLength: 2, maxLength: 4 }),
        key: fc.shuffledSubarray(names, { minLength: 1 }),
        escaped: fc.boolean(),
      });
    }),
  );

const escapeAll = (value: string) =>
  `"${[...Array(value.length).keys()].map((at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')}"`;

test('any row of any types', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyWindow,
      fc.constantFrom<Op>('c', 'u', 'd', 'r'),
      fc.nat(),
      async ({ columns, expectedOf, rows, key, escaped }, op, number) => {
        const textual = columns.every(
          ({ type, precision }) => types[type]!.json(column('x', type, precision)) === 'string',
        );
        const batch = batchOf(rows, escaped && textual ? escapeAll : JSON.stringify);
        const [before, after] = [op === 'u' || op === 'd', op !== 'd'];
        const row = rows.length - 1;
        const last = expectedOf(rows[after ? row : 0]!);
        const expectedKey = Object.fromEntries(key.map((name) => [name, last[name]]));

        const nested = await encoderFor(columns, { key });
        nested.encode(op, before ? batch : null, 0, after ? batch : null, row, number);
        expect(JSON.parse(recordOf(nested).key)).toEqual(expectedKey);
        expect(Object.keys(JSON.parse(recordOf(nested).key) as object)).toEqual(Object.keys(expectedKey));
        expect(JSON.parse(recordOf(nested).value)).toEqual({
          before: before ? expectedOf(rows[0]!) : null,
          after: after ? expectedOf(rows[row]!) : null,
          source: expect.objectContaining({ row: number, window: 7, partition: 1 }) as object,
          op,
          ts_ms: now,
        });

        const flat = await encoderFor(columns, { key, envelope: 'flat' });
        flat.encode(op, before ? batch : null, 0, after ? batch : null, row, number);
        expect(JSON.parse(recordOf(flat).value)).toEqual({
          ...last,
          __op: op,
          __ts_ms: now,
          __window: 7,
          __row: number,
          ...(op === 'd' ? { __deleted: true } : {}),
        });
      },
    ),
    { numRuns: 600 },
  );
});

test('one encoder serves many rows and grows with them', async () => {
  const encoder = await encoderFor([column('ID', 'VARCHAR'), column('V', 'VARCHAR')]);
  for (const length of [1, 200_000, 3, 1_000_000, 0]) {
    const value = 'v'.repeat(length);
    expect(JSON.parse(encoded(encoder, 'c', null, ['k', value]).value)).toMatchObject({ after: { V: value } });
  }
});

// ---------------------------------------------------------------- numbers, types, refusals

test.each([
  ['1.5E0', 1.5],
  ['-1.5E-7', -1.5e-7],
  ['1E3', 1000],
  ['1.E3', 1000],
  ['.5', 0.5],
  ['-.5', -0.5],
  ['+5', 5],
  ['007', 7],
  ['0', 0],
  ['-0', -0],
  ['1.7976931348623157e+308', Number.MAX_VALUE],
  ['4.94065645841246544e-324', 5e-324],
  ['NaN', 'NaN'],
  ['inf', 'Infinity'],
  ['-inf', '-Infinity'],
  ['Infinity', 'Infinity'],
])('FLOAT %s', async (text, value) => {
  const encoder = await encoderFor([column('ID', 'VARCHAR'), column('F', 'FLOAT')]);
  const record = JSON.parse(encoded(encoder, 'c', null, ['1', text]).value) as { after: { F: unknown } };
  expect(record.after.F).toBe(value);
});

test.each([
  ['FLOAT', null, ['', '-', '.', '1.2.3', '1e', '1e+', 'x', 'nope', '1 ', '--1', '1,5']],
  ['NUMBER', 15, ['NaN', 'inf', '', '-', '1x']],
  ['BOOLEAN', null, ['', 'tru', 'yes', '1', 'falsey', 'trux']],
])('text that is no %s is refused without being shown', async (type, precision, texts) => {
  const encoder = await encoderFor([column('ID', 'VARCHAR'), column('F', type, precision)]);
  for (const text of texts) {
    expect(() => encoded(encoder, 'c', null, ['1', text])).toThrow(
      expect.objectContaining({ code: 'RESULT_MALFORMED' }) as Error,
    );
  }
});

test('row numbers', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (value) => {
      const to = new Uint8Array(20);
      expect(Buffer.from(to.subarray(1, writeInteger(value, to, 1))).toString()).toBe(String(value));
    }),
  );
});

test('each type has a cast, and each cast a type', () => {
  expect(Object.keys(types).sort()).toEqual(Object.keys(casts).sort());
});

test('what has no place in a record is refused, all of it at once', async () => {
  const odd = [...columns, column('G', 'FILE'), column('W', 'INTERVAL')];
  await expect(encoderFor(odd)).rejects.toMatchObject({
    code: 'TYPE_UNSUPPORTED',
    message: expect.stringMatching(/G \(FILE\), W \(INTERVAL\)/) as string,
  });
  await expect(encoderFor(columns, { key: ['NOPE'] })).rejects.toMatchObject({ code: 'KEY_INVALID' });
  await expect(encoderFor([column('__op', 'VARCHAR')], { envelope: 'flat' })).rejects.toMatchObject({
    code: 'NAME_TAKEN',
  });
});

test("the version is the package's", () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(connectorVersion).toBe((JSON.parse(text) as { version: string }).version);
});
