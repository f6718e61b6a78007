import { expect, test } from 'vitest';
import { schemaChanges } from '../../lambdas/protocol/evolution.ts';
import type { Column } from '../../lambdas/protocol/window.ts';

const column = (
  name: string,
  type = 'VARCHAR',
  precision: number | null = null,
  scale: number | null = null,
): Column => ({
  name,
  type,
  precision,
  scale,
  nullable: true,
});
const before = [column('ID', 'NUMBER', 9, 0), column('NAME'), column('AT', 'TIMESTAMP_NTZ', 3)];

/** What `change` of one column, or another list, comes to: `+` compatible, `-` not. */
function verdicts(after: Column[]): string[] {
  return schemaChanges(before, after).map(
    ({ column, text, compatible }) => `${compatible ? '+' : '-'} ${column} ${text}`,
  );
}
const [id, name, at] = before as [Column, Column, Column];

test.each<[string, Column[], string[]]>([
  ['the same', [id, name, at], []],
  ['added', [id, name, at, column('NOTE')], ['+ NOTE added as VARCHAR']],
  ['dropped', [id, at], ['- NAME dropped (or renamed)']],
  ['renamed', [id, { ...name, name: 'TITLE' }, at], ['- NAME dropped (or renamed)', '+ TITLE added as VARCHAR']],
  ['widened', [{ ...id, precision: 15 }, name, at], ['+ ID NUMBER(9,0) to NUMBER(15,0)']],
  ['widened until it is text', [{ ...id, precision: 16 }, name, at], ['- ID NUMBER(9,0) to NUMBER(16,0)']],
  ['narrowed', [{ ...id, precision: 5 }, name, at], ['- ID NUMBER(9,0) to NUMBER(5,0)']],
  ['another scale', [{ ...id, scale: 2 }, name, at], ['- ID NUMBER(9,0) to NUMBER(9,2)']],
  ['coarser, counted as before', [id, name, { ...at, precision: 2 }], ['+ AT TIMESTAMP_NTZ(3) to TIMESTAMP_NTZ(2)']],
  ['counted in another unit', [id, name, { ...at, precision: 6 }], ['- AT TIMESTAMP_NTZ(3) to TIMESTAMP_NTZ(6)']],
  ['as text from then on', [id, name, { ...at, precision: 9 }], ['- AT TIMESTAMP_NTZ(3) to TIMESTAMP_NTZ(9)']],
  ['retyped', [id, column('NAME', 'DATE'), at], ['- NAME VARCHAR to DATE']],
  ['NOT NULL', [{ ...id, nullable: false }, name, at], ['+ ID made NOT NULL']],

  ['reordered', [name, id, at], ['+ NAME, ID, AT reordered']],
])('%s', (_, after, expected) => expect(verdicts(after)).toEqual(expected));

test('made nullable', () => {
  const changes = schemaChanges([{ ...id, nullable: false }], [id]);
  expect(changes).toEqual([{ column: 'ID', text: 'made nullable', compatible: true }]);
});
