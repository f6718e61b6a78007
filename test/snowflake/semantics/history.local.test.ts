// Windows that can't be read, and schema changes inside a window: E10 to E13 and E18.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeOf } from '../../local/sdk.ts';
import type { Account } from './account.ts';
import { literal, openAccount } from './account.ts';
import { brief, changesOf, play } from './windows.ts';

let account: Account;
let tables = 0;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());

async function newTable(columns = 'ID NUMBER(38,0), V VARCHAR'): Promise<string> {
  const table = account.table(`H${++tables}`);
  await account.sql(`CREATE TABLE ${table} (${columns}) CHANGE_TRACKING = TRUE`);
  return table;
}
const shifted = (moment: string, ms: number) => {
  const utc = new Date(`${/'(.*) \+00:00'/.exec(moment)![1]!.replace(' ', 'T')}Z`);
  return literal(new Date(utc.getTime() + ms).toISOString().replace('T', ' ').replace('Z', ''));
};

test('E10: CREATE OR REPLACE loses the history before it', async () => {
  const table = await newTable();
  const [t0, t1] = await play(account, [`INSERT INTO ${table} VALUES (1, 'a')`]);
  await account.sql(`CREATE OR REPLACE TABLE ${table} (ID NUMBER(38,0), V VARCHAR) CHANGE_TRACKING = TRUE`);
  const t2 = await account.mark();
  for (const [from, to] of [
    [t0!, t2],
    [t1!, t2],
  ] as const) {
    expect(['000707', '091930']).toContain(await codeOf(changesOf(account, table, ['ID'], from, to)));
  }
  const [, t3] = await play(account, [`INSERT INTO ${table} VALUES (2, 'b')`]);
  expect(brief(await changesOf(account, table, ['ID'], t2, t3!))).toEqual(['INSERT false 2']);
});

test('CREATE OR REPLACE, DROP + CREATE and SWAP show as another created_on', async () => {
  const [one, two] = [await newTable(), await newTable()];
  const createdOn = async (table: string) => {
    const name = /"([^"]+)"$/.exec(table)![1]!;
    const { rows, columns } = await account.sql(
      `SHOW TABLES LIKE '${name}' IN SCHEMA "${account.database}"."${account.schema}"`,
    );
    return rows[0]![columns.indexOf('created_on')];
  };
  const before = await createdOn(one);
  const other = await createdOn(two);
  await account.sql(`INSERT INTO ${one} VALUES (1, 'a')`);
  expect(await createdOn(one)).toBe(before);
  await account.mark();
  await account.sql(`ALTER TABLE ${one} SWAP WITH ${two}`);
  expect([await createdOn(one), await createdOn(two)]).toEqual([other, before]);
  await account.sql(`CREATE OR REPLACE TABLE ${one} (ID NUMBER(38,0))`);
  expect([other, before]).not.toContain(await createdOn(one));
});

test('E11: a window over a time without tracking is refused', async () => {
  const table = await newTable();
  const [t0, t1, , t3] = await play(account, [
    `INSERT INTO ${table} VALUES (1, 'a')`,
    [`ALTER TABLE ${table} SET CHANGE_TRACKING = FALSE`, `INSERT INTO ${table} VALUES (2, 'b')`],
    `ALTER TABLE ${table} SET CHANGE_TRACKING = TRUE`,
  ]);
  expect(await codeOf(changesOf(account, table, ['ID'], t0!, t3!))).toBe('091930');
  expect(await codeOf(changesOf(account, table, ['ID'], t1!, t3!))).toBe('091930');
  const [, t4] = await play(account, [`INSERT INTO ${table} VALUES (3, 'c')`]);
  expect(brief(await changesOf(account, table, ['ID'], t3!, t4!))).toEqual(['INSERT false 3']);
});

test('a table that is not tracked has no changes to read', async () => {
  const table = account.table('UNTRACKED');
  await account.sql(`CREATE TABLE ${table} (ID NUMBER(38,0))`);
  const [t0, t1] = await play(account, [`INSERT INTO ${table} VALUES (1)`]);
  await expect(changesOf(account, table, ['ID'], t0!, t1!)).rejects.toMatchObject({
    code: '091930',
    message: expect.stringMatching(/change tracking is not enabled or has been missing/i) as string,
  });
  expect((await account.sql(`SELECT ID FROM ${table} AT(TIMESTAMP => ${t0!})`)).rows).toEqual([]);
});

test('E12: a column added inside the window is in old images too, with its default', async () => {
  const table = await newTable();
  const [t0, , , t3] = await play(account, [
    `INSERT INTO ${table} VALUES (1, 'a')`,
    `ALTER TABLE ${table} ADD COLUMN N NUMBER(38,0) DEFAULT 7`,
    `INSERT INTO ${table} (ID, V) VALUES (2, 'b')`,
  ]);
  expect(brief(await changesOf(account, table, ['ID', 'V', 'N'], t0!, t3!))).toEqual([
    'INSERT false 1 a 7',
    'INSERT false 2 b 7',
  ]);
});

test('a dropped column is gone from the whole window, a renamed one has its new name', async () => {
  const table = await newTable();
  const [t0, , , t3] = await play(account, [
    `INSERT INTO ${table} VALUES (1, 'a')`,
    `ALTER TABLE ${table} RENAME COLUMN V TO W`,
    `INSERT INTO ${table} VALUES (2, 'b')`,
  ]);
  expect(brief(await changesOf(account, table, ['ID', 'W'], t0!, t3!))).toEqual([
    'INSERT false 1 a',
    'INSERT false 2 b',
  ]);
  await account.sql(`ALTER TABLE ${table} DROP COLUMN W`);
  const t4 = await account.mark();
  expect(brief(await changesOf(account, table, ['ID'], t0!, t4))).toEqual(['INSERT false 1', 'INSERT false 2']);
  await expect(changesOf(account, table, ['W'], t0!, t4)).rejects.toThrow(/invalid identifier/i);
});

test('a widened column reads old rows as before', async () => {
  const table = await newTable('ID NUMBER(10,0), V VARCHAR(5)');
  const [t0, , , t3] = await play(account, [
    `INSERT INTO ${table} VALUES (1, 'abcde')`,
    [
      `ALTER TABLE ${table} ALTER COLUMN V SET DATA TYPE VARCHAR(50)`,
      `ALTER TABLE ${table} ALTER COLUMN ID SET DATA TYPE NUMBER(20,0)`,
    ],
    `INSERT INTO ${table} VALUES (20000000000, 'abcdefgh')`,
  ]);
  expect(brief(await changesOf(account, table, ['ID', 'V'], t0!, t3!))).toEqual([
    'INSERT false 1 abcde',
    'INSERT false 20000000000 abcdefgh',
  ]);
});

test('E13: END in the future is refused', async () => {
  const table = await newTable();
  const t0 = await account.mark();
  const future = shifted(t0, 60_000);
  await expect(changesOf(account, table, ['ID'], t0, future)).rejects.toThrow(/Future data is not yet available/i);
});

test('E18: a window that starts before the table, or before what is retained, is refused', async () => {
  const table = await newTable();
  const [t0, t1] = await play(account, [`INSERT INTO ${table} VALUES (1, 'a')`]);
  await expect(changesOf(account, table, ['ID'], shifted(t0!, -3_600_000), t1!)).rejects.toMatchObject({
    code: '000707',
    message: expect.stringMatching(/Time travel data is not available for table/i) as string,
  });
  if (account.control === null) return;
  await account.control.expireHistory(table.replaceAll('"', ''), Date.now());
  const [t2, t3] = await play(account, [`INSERT INTO ${table} VALUES (2, 'b')`]);
  expect(await codeOf(changesOf(account, table, ['ID'], t0!, t3!))).toBe('000707');
  expect(brief(await changesOf(account, table, ['ID'], t2!, t3!))).toEqual(['INSERT false 2']);
});

test('a dropped table is unknown, and back with its history after UNDROP', async () => {
  const table = await newTable();
  const [t0, t1] = await play(account, [`INSERT INTO ${table} VALUES (1, 'a')`]);
  await account.sql(`DROP TABLE ${table}`);
  await expect(changesOf(account, table, ['ID'], t0!, t1!)).rejects.toMatchObject({
    code: '002003',
    message: expect.stringMatching(/does not exist or not authorized/i) as string,
  });
  await account.sql(`UNDROP TABLE ${table}`);
  expect(brief(await changesOf(account, table, ['ID'], t0!, t1!))).toEqual(['INSERT false 1']);
});
