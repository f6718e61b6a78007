/** Files of keys: what is read out of them, and that no error quotes one. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseKeys, readKeys } from '../../cli/key-file.ts';
import { MOST_KEY_BYTES } from '../../lambdas/operate/keys.ts';

const key = ['ID', 'Na me'];

test.each([
  ['JSON lines', '{"ID":12345678901234567890.10,"Na me":"a"}\n\n{"Na me":"it\'s \\"b\\"","id":true}\n'],
  ['CSV', 'Na me,ID\r\na,12345678901234567890.10\r\n\r\n"it\'s ""b""",true'],
  ['CSV after a byte order mark', '\uFEFFid,"NA ME"\n12345678901234567890.10,a\ntrue,"it\'s ""b"""\n'],
])('%s', (_, text) => {
  expect(parseKeys(text, key)).toEqual({
    columns: key,
    rows: [
      ['12345678901234567890.10', 'a'],
      ['true', `it's "b"`],
    ],
  });
});

test('quotes hold commas and line breaks; an empty value in quotes is a key', () => {
  expect(parseKeys('K\n"a,\n""b"""\n""\nc', ['K']).rows).toEqual([['a,\n"b"'], [''], ['c']]);
});

test('names that differ in their case alone are told apart by it', () => {
  expect(parseKeys('id,ID\n1,2', ['ID', 'id']).rows).toEqual([['2', '1']]);
  expect(() => parseKeys('Id,iD\n1,2', ['ID', 'id'])).toThrow('the header');
});

test.each([
  ['nothing', '', 'no keys'],
  ['a header alone', 'ID,Na me\n', 'no keys'],
  ['another column', 'ID,SECRET\n1,2', 'the header'],
  ['a column more', 'ID,Na me,SECRET\n1,2,3', 'the header'],
  ['a row too short', 'ID,Na me\n1,2\nsecret', 'line 3'],
  ['a quote that does not end', 'ID,Na me\n1,"secret\n', 'line 2'],
  ['a quote within', 'ID,Na me\n1,sec"ret"', 'line 2'],
  ['no JSON', '{"ID":1,"Na me":"a"}\n{"ID":1,"Na me":secret}', 'line 2'],
  ['a list', '{"ID":1,"Na me":"a"}\n["secret"]', 'line 2'],
  ['NULL', '{"ID":1,"Na me":null}', 'line 1'],
  ['an object', '{"ID":1,"Na me":{"secret":1}}', 'line 1'],
  ['a column missing', '{"ID":"secret"}', 'line 1'],
])('refused, and not quoted: %s', (_, text, where) => {
  const error = (() => {
    try {
      return parseKeys(text, key);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toMatchObject({ code: 'KEYS_INVALID', message: expect.stringContaining(where) as string });
  expect(String(error)).not.toMatch(/secret/);
});

test('more than one request takes is refused, and so is a file that is not there', () => {
  const text = `K\n${'x'.repeat(MOST_KEY_BYTES)}`;
  expect(() => parseKeys(text, ['K'])).toThrow(/1 keys are \d+ bytes/);
  expect(() => readKeys('/nowhere/keys.csv', ['K'])).toThrow('ENOENT');
  const path = join(mkdtempSync(join(tmpdir(), 'keys-')), 'keys.csv');
  writeFileSync(path, 'K\n1\n');
  expect(readKeys(path, ['K'])).toEqual({ columns: ['K'], rows: [['1']] });
});
