/** What people write as a key becomes the text that Snowflake makes of it; what a column can't hold is refused. */
import { describe, expect, test } from 'vitest';
import { keyText } from '../../lambdas/operate/key-text.ts';
import type { Column } from '../../lambdas/protocol/window.ts';

const column = (type: string, precision: number | null = null, scale: number | null = null): Column => {
  return { name: 'K', type, precision, scale, nullable: false };
};
const number = column('NUMBER', 5, 2);

describe.each<[string, Column, Record<string, string>, string[]]>([
  [
    'NUMBER',
    number,
    { '1': '1.00', '-0': '0.00', '-0.5': '-0.50', '+007.10': '7.10', '.5': '0.50', '5.': '5.00', '1.2300': '1.23' },
    ['', '-', '.', '1.234', '1234', '1e2', '0x1', '1,5', ' 1', "1' OR 1=1"],
  ],
  ['a whole NUMBER', column('NUMBER', 38, 0), { '12': '12', '0': '0', '1.0': '1' }, ['1.5', '9'.repeat(39)]],
  ['VARCHAR', column('VARCHAR'), { '': '', 'a\'b"c\\': 'a\'b"c\\' }, ['\ud800']],
  ['BOOLEAN', column('BOOLEAN'), { TRUE: 'true', false: 'false' }, ['1', 'yes']],
  ['DATE', column('DATE'), { '2024-02-29': '2024-02-29' }, ['2023-02-29', '0000-01-01', '2024-2-9', '2024-02-29T00']],
  [
    'TIME',
    column('TIME', 3),
    { '23:59:59': '23:59:59.000000000', '00:00:00.12': '00:00:00.120000000', '00:00:00.1230': '00:00:00.123000000' },
    ['24:00:00', '1:00:00', '00:00:00.1234'],
  ],
  [
    'TIMESTAMP_NTZ',
    column('TIMESTAMP_NTZ', 9),
    {
      '2026-01-31 12:00:00': '2026-01-31T12:00:00.000000000',
      '2026-01-31T12:00:00.123456789': '2026-01-31T12:00:00.123456789',
    },
    ['2026-01-31T12:00:00Z', '2026-01-31', '2026-02-30T12:00:00'],
  ],
  [
    'TIMESTAMP_LTZ',
    column('TIMESTAMP_LTZ', 9),
    {
      '2026-01-31T12:00:00Z': '2026-01-31T12:00:00.000000000Z',
      '2026-01-31T23:30:00.5-0130': '2026-02-01T01:00:00.500000000Z',
    },
    ['2026-01-31T12:00:00', '0001-01-01T00:00:00+05:00', '2026-01-31T12:00:00+15:00'],
  ],
  [
    'TIMESTAMP_TZ',
    column('TIMESTAMP_TZ', 3),
    {
      '2026-01-31T12:00:00.1 +0530': '2026-01-31T12:00:00.100000000+05:30',
      '2026-01-31T12:00:00z': '2026-01-31T12:00:00.000000000+00:00',
    },
    ['2026-01-31T12:00:00', '2026-01-31T12:00:00+05:99'],
  ],
  ['BINARY', column('BINARY'), { '/+//': '/+//', '': '' }, ['ff', 'AAE', 'AAF=']],
  [
    'UUID',
    column('UUID'),
    { '123E4567-e89b-12d3-a456-426614174000': '123e4567-e89b-12d3-a456-426614174000' },
    ['123e4567e89b12d3a456426614174000'],
  ],
  ['FLOAT, which is no key', column('FLOAT'), {}, ['1']],
])('%s', (_, of, texts, refused) => {
  test.each(Object.entries(texts))('%j is %j, and stays so', (text, is) => {
    expect(keyText(of, text)).toBe(is);
    expect(keyText(of, is)).toBe(is);
  });
  test.each(refused)('%j is refused', (text) => {
    expect(keyText(of, text)).toBeNull();
  });
});
