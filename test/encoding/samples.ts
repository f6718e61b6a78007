/** Of each type its columns, and texts that are hard to carry, as Snowflake gives them. */
import type { Column } from '../../lambdas/protocol/window.ts';

export type Sample = { column: Column; texts: string[] };

function sample(type: string, precision: number | null, scale: number | null, texts: string[]): Sample {
  return { column: { name: 'V', type, precision, scale, nullable: true }, texts };
}

const nines = (count: number) => '9'.repeat(count);
const json = ['null', '{"a":12345678901234567890.123456789,"b":[null,"\\u0000\\ud83d"]}', '""', '{}', '[1e400,-0.0]'];

function ewkb(x: number, y: number, srid: number): string {
  const bytes = Buffer.alloc(25);
  bytes[0] = 1;
  bytes.writeUInt32LE(0x20000001, 1);
  bytes.writeUInt32LE(srid, 5);
  bytes.writeDoubleLE(x, 9);
  bytes.writeDoubleLE(y, 17);
  return bytes.toString('base64');
}

export const samples: Sample[] = [
  sample('NUMBER', 9, 0, ['0', '-1', nines(9), `-${nines(9)}`]),
  sample('NUMBER', 15, 0, ['0', nines(15), `-${nines(15)}`]),
  sample('NUMBER', 18, 0, ['0', '127', '-128', '2147483648', '-4294967296', nines(18), `-${nines(18)}`]),
  sample('NUMBER', 38, 0, ['0', '-1', '127', '128', '-128', '-129', '9007199254740993', nines(38), `-${nines(38)}`]),
  sample('NUMBER', 10, 2, ['0.00', '0.01', '-0.01', '12.50', '99999999.99', '-99999999.99']),
  sample('NUMBER', 38, 37, [`9.${nines(37)}`, `-9.${nines(37)}`, `0.${'0'.repeat(36)}1`]),
  sample('FLOAT', null, null, [
    '0E0',
    '-0E0',
    '1.5E0',
    '1.7976931348623157E308',
    '4.9406564584124654E-324',
    '1.2345678901234567E-5',
    'NaN',
    'inf',
    '-inf',
  ]),
  sample('DECFLOAT', null, null, ['0', '1.2345678901234567890123456789012345678e+16000', '-1e-16383']),
  sample('BOOLEAN', null, null, ['true', 'false']),
  sample('VARCHAR', null, null, ['', ' ', 'text', '"\\/\b\f\n\r\t\u0000\u001f', 'né 💧 \u2028', 'x'.repeat(40_000)]),
  sample('DATE', null, null, ['0001-01-01', '1582-10-15', '1969-12-31', '1970-01-01', '2024-02-29', '9999-12-31']),
  sample('TIME', 3, null, ['00:00:00.000000000', '23:59:59.999000000']),
  sample('TIME', 6, null, ['00:00:00.000000000', '23:59:59.999999000']),
  sample('TIME', 9, null, ['00:00:00.000000000', '00:00:00.000000001', '23:59:59.999999999']),
  sample('TIMESTAMP_NTZ', 3, null, [
    '0001-01-01T00:00:00.000000000',
    '1969-12-31T23:59:59.999000000',
    '9999-12-31T23:59:59.999000000',
  ]),
  sample('TIMESTAMP_NTZ', 6, null, [
    '0001-01-01T00:00:00.000001000',
    '1969-12-31T23:59:59.999999000',
    '1970-01-01T00:00:00.000000000',
    '9999-12-31T23:59:59.999999000',
  ]),
  sample('TIMESTAMP_NTZ', 9, null, [
    '0001-01-01T00:00:00.000000001',
    '1969-12-31T23:59:59.999999999',
    '9999-12-31T23:59:59.999999999',
  ]),
  sample('TIMESTAMP_LTZ', 9, null, [
    '0001-01-01T00:00:00.000000001Z',
    '1969-12-31T23:59:59.999999999Z',
    '9999-12-31T23:59:59.999999999Z',
  ]),
  sample('TIMESTAMP_TZ', 9, null, [
    '2026-01-31T23:59:59.123456789+05:30',
    '0001-01-01T00:00:00.000000000-12:00',
    '9999-12-31T23:59:59.999999999+14:00',
  ]),
  sample('BINARY', null, null, ['', 'AA==', 'AAE=', '/+//', Buffer.alloc(3000, 0xfe).toString('base64')]),
  ...['VARIANT', 'OBJECT', 'ARRAY', 'MAP', 'STRUCTURED_OBJECT', 'STRUCTURED_ARRAY'].map((type) =>
    sample(type, null, null, json),
  ),
  sample('VECTOR', null, null, ['[1.1,-2.5e-10]', '[1,2,3]']),
  sample('UUID', null, null, ['123e4567-e89b-12d3-a456-426614174000']),
  sample('GEOGRAPHY', null, null, [ewkb(0.1, -0.2, 4326)]),
  sample('GEOMETRY', null, null, [ewkb(1e300, -5e-324, 25_832)]),
];

/** Two texts of one double are one value. */
export function same(type: string, a: string | null, b: string | null): boolean {
  if (type !== 'FLOAT' || a === null || b === null) return a === b;
  const number = (text: string) => Number(text.replace(/^(-?)inf(inity)?$/i, '$1Infinity'));
  return Object.is(number(a), number(b));
}
