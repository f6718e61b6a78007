/** The scanner takes exactly what JSON.parse takes for rows of strings and nulls, and finds the same cells. */
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expectEnd, MalformedText, scanRows } from '../../lambdas/snowflake/scanner.ts';
import type { Cell } from './batches.ts';
import { cellsOf, chunkText } from './batches.ts';

/** The cells, or undefined when the scanner refuses. `step` rows at a time. */
function scanned(bytes: Uint8Array, rows: number, width: number, step = rows): Cell[][] | undefined {
  const offsets = new Int32Array(2 * rows * width);
  try {
    let pos = 0;
    for (let row = 0; row < rows; row += step) {
      pos = scanRows(bytes, pos, width, row, Math.min(rows, row + step), offsets);
    }
    expectEnd(bytes, pos);
  } catch (error) {
    if (error instanceof MalformedText) return undefined;
    throw error;
  }
  return cellsOf({ bytes, offsets, rows, width });
}

/** What JSON.parse makes of it; undefined unless it is that many rows of strings and nulls. */
function parsed(bytes: Buffer, rows: number, width: number): Cell[][] | undefined {
  if (!isUtf8(bytes)) return undefined;
  try {
    const value = JSON.parse(`[${bytes.toString()}]`) as unknown[];
    const isCell = (cell: unknown) => cell === null || typeof cell === 'string';
    const isRow = (row: unknown) => Array.isArray(row) && row.length === width && row.every(isCell);
    return value.length === rows && value.every(isRow) ? (value as Cell[][]) : undefined;
  } catch {
    return undefined;
  }
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.constantFrom('', '\\', '"', '\\"', '\u0000', '\ud83d', 'null', ',', '],[', '\u2028', '€', '💧'),
);
const cell = fc.option(text, { freq: 5 });
const space = fc.stringMatching(/^[ \t\r\n]{0,2}$/);

/** JSON as another writer might put it: escapes where none are needed, white space anywhere between tokens. */
function written(value: Cell, style: number): string {
  if (value === null) return 'null';
  const plain = JSON.stringify(value);
  if (style === 0) return plain;
  const units = [...Array(value.length).keys()].map((at) => value.charCodeAt(at));
  if (style === 1) return `"${units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('')}"`;
  return plain.replaceAll('/', '\\/').replaceAll(/\\u([0-9a-f]{4})/g, (_, hex: string) => `\\u${hex.toUpperCase()}`);
}

const table = fc
  .record({ width: fc.integer({ min: 1, max: 4 }), rows: fc.integer({ min: 0, max: 5 }) })
  .chain(({ width, rows }) =>
    fc.record({
      values: fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: rows, maxLength: rows }),
      spaces: fc.array(space, { minLength: 7, maxLength: 7 }),
      style: fc.integer({ min: 0, max: 2 }),
      width: fc.constant(width),
    }),
  )
  .map(({ values, spaces, style, width }) => {
    let turn = 0;
    const gap = () => spaces[turn++ % spaces.length]!;
    const rows = values.map(
      (row) => `${gap()}[${row.map((each) => gap() + written(each, style) + gap()).join(',')}]${gap()}`,
    );
    return { values, width, bytes: Buffer.from(rows.join(',')) };
  });

test('finds the cells that were written', () => {
  fc.assert(
    fc.property(table, fc.integer({ min: 1, max: 3 }), ({ values, width, bytes }, step) => {
      expect(scanned(bytes, values.length, width, step)).toEqual(values);
    }),
    { numRuns: 2000 },
  );
});

test('refuses text cut at any byte', () => {
  fc.assert(
    fc.property(table, ({ values, width, bytes }) => {
      for (let end = 0; end < bytes.length; end++) {
        const cut = bytes.subarray(0, end);
        expect(scanned(cut, values.length, width)).toEqual(parsed(cut, values.length, width));
      }
    }),
    { numRuns: 100 },
  );
});

test('agrees with JSON.parse on damaged text', () => {
  const interesting = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(...Buffer.from('"\\,[]{}nul1u/ \t\n\u0000\u001f\u007f')),
  );
  const damage = fc.record({ at: fc.nat(), byte: interesting, how: fc.constantFrom('replace', 'insert', 'delete') });
  let refused = 0;
  let accepted = 0;
  fc.assert(
    fc.property(table, fc.array(damage, { minLength: 1, maxLength: 3 }), ({ values, width, bytes }, damages) => {
      const list = [...bytes];
      for (const { at, byte, how } of damages) {
        const where = at % (list.length + 1);
        if (how === 'insert') list.splice(where, 0, byte);
        else if (how === 'delete') list.splice(where, 1);
        else if (where < list.length) list[where] = byte;
      }
      const damaged = Buffer.from(list);
      fc.pre(isUtf8(damaged));
      const right = parsed(damaged, values.length, width);
      expect(scanned(damaged, values.length, width)).toEqual(right);
      if (right === undefined) refused++;
      else accepted++;
    }),
    { numRuns: 5000 },
  );
  expect(refused).toBeGreaterThan(100);
  expect(accepted).toBeGreaterThan(100);
});

test.each([
  ['fewer rows', '["a"]', 2, 1],
  ['more rows', '["a"],["b"]', 1, 1],
  ['a narrower row', '["a"]', 1, 2],
  ['a wider row', '["a","b"]', 1, 1],
  ['a number', '[1]', 1, 1],
  ['a boolean', '[true]', 1, 1],
  ['a nested array', '[["a"]]', 1, 1],
  ['an object', '[{"a":"b"}]', 1, 1],
  ['brackets around all', '[["a"]]', 1, 1],
  ['a trailing comma', '["a"],', 1, 1],
  ['a bare control character', '["a\u0001"]', 1, 1],
  ['an escape that JSON lacks', '["\\x41"]', 1, 1],
  ['a short unicode escape', '["\\u12"]', 1, 1],
  ['nul', '[nul]', 1, 1],
  ['a string without an end', '["a', 1, 1],
  ['nothing', '', 1, 1],
])('refuses %s', (_, malformed, rows, width) => {
  expect(scanned(Buffer.from(malformed), rows, width)).toBeUndefined();
});

test('takes a cell of more than 16 MB, and refuses it cut', () => {
  const long = `${'x'.repeat(17 * 1024 * 1024)}"€`;
  const bytes = Buffer.from(chunkText([[long, null]]));
  const [cells] = scanned(bytes, 1, 2)!;
  expect(cells?.[0] === long).toBe(true);
  expect(cells?.[1]).toBeNull();
  expect(scanned(bytes.subarray(0, 16 * 1024 * 1024), 1, 2)).toBeUndefined();
});

test('takes what JSON.parse takes of any bytes, unless they are not UTF-8', () => {
  const token = fc.constantFrom(
    '[',
    ']',
    '"',
    ',',
    'null',
    '\\',
    '\\u',
    'd83d',
    '\\ud83d\\ude00',
    '{',
    '}',
    ':',
    '1',
    ' ',
    '\n',
    'é',
  );
  const piece = fc.oneof(
    token.map((each) => Buffer.from(each)),
    fc.uint8Array({ maxLength: 2 }).map((bytes) => Buffer.from(bytes)),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 14 }),
      fc.nat(2),
      fc.integer({ min: 1, max: 2 }),
      (pieces, rows, width) => {
        const bytes = Buffer.concat([Buffer.from('["'), ...pieces, Buffer.from('"]')]);
        // The reader asks isUtf8 first.
        const found = isUtf8(bytes) ? scanned(bytes, rows, width) : undefined;
        expect(found).toEqual(parsed(bytes, rows, width));
      },
    ),
    { numRuns: 3000 },
  );
});
