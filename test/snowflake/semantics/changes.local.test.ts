// What CHANGES answers for a window (AT, END]: the net delta of each row, and the inserts alone with APPEND_ONLY.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../local/sdk.ts';
import type { Account } from './account.ts';
import { openAccount } from './account.ts';
import { brief, changesOf, play } from './windows.ts';

let account: Account;
let tables = 0;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());

async function newTable(): Promise<string> {
  const table = account.table(`T${++tables}`);
  await account.sql(`CREATE TABLE ${table} (ID NUMBER(38,0), V VARCHAR) CHANGE_TRACKING = TRUE`);
  return table;
}

type Case = {
  name: string;
  before?: string[];
  /** `T` stands for the table. */
  steps: (string | string[])[];
  from?: number;
  to?: number;
  expected: string[];
  appended?: string[];
};

const insert = (id: number, value: string) => `INSERT INTO T VALUES (${id}, '${value}')`;
const update = (value: string, id = 1) => `UPDATE T SET V = '${value}' WHERE ID = ${id}`;
const remove = (id = 1) => `DELETE FROM T WHERE ID = ${id}`;

const cases: Case[] = [
  {
    name: 'E1: a change at AT is not in the window',
    steps: [insert(1, 'a'), insert(2, 'b')],
    from: 1,
    to: 2,
    expected: ['INSERT false 2 b'],
    appended: ['INSERT false 2 b'],
  },
  { name: 'E2: an insert', steps: [insert(1, 'a')], expected: ['INSERT false 1 a'], appended: ['INSERT false 1 a'] },
  {
    name: 'E3: an insert and updates are one insert of the final image',
    steps: [insert(1, 'a'), update('b'), update('c')],
    expected: ['INSERT false 1 c'],
    appended: ['INSERT false 1 a'],
  },
  {
    name: 'E4: an update is a pair',
    steps: [insert(1, 'a'), update('b')],
    from: 1,
    expected: ['DELETE true 1 a', 'INSERT true 1 b'],
    appended: [],
  },
  {
    name: 'several updates are one pair: the images at AT and at END',
    before: [insert(1, 'a')],
    steps: [update('b'), update('c')],
    expected: ['DELETE true 1 a', 'INSERT true 1 c'],
    appended: [],
  },
  {
    name: 'E5: away and back is nothing',
    before: [insert(1, 'a')],
    steps: [update('b'), update('a')],
    expected: [],
    appended: [],
  },
  {
    name: 'an update to the same value is nothing',
    before: [insert(1, 'a')],
    steps: [update('a')],
    expected: [],
    appended: [],
  },
  {
    name: 'E6: an update and a delete are one delete of the image at AT',
    before: [insert(1, 'a')],
    steps: [update('b'), remove()],
    expected: ['DELETE false 1 a'],
    appended: [],
  },
  { name: 'a delete', before: [insert(1, 'a')], steps: [remove()], expected: ['DELETE false 1 a'], appended: [] },
  {
    name: 'E7: a delete and the same row again are a delete and an insert',
    before: [insert(1, 'a')],
    steps: [remove(), insert(1, 'a')],
    expected: ['DELETE false 1 a', 'INSERT false 1 a'],
    appended: ['INSERT false 1 a'],
  },
  {
    name: 'E8: an insert and its delete are nothing; APPEND_ONLY shows the insert',
    steps: [insert(1, 'a'), remove()],
    expected: [],
    appended: ['INSERT false 1 a'],
  },
  {
    name: 'E9: TRUNCATE deletes every row that was there',
    before: [insert(1, 'a'), insert(2, 'b')],
    steps: [insert(3, 'c'), 'TRUNCATE TABLE T'],
    expected: ['DELETE false 1 a', 'DELETE false 2 b'],
    appended: ['INSERT false 3 c'],
  },
  {
    name: 'INSERT OVERWRITE deletes the old rows and inserts the new',
    before: [insert(1, 'a')],
    steps: ["INSERT OVERWRITE INTO T VALUES (1, 'a'), (2, 'b')"],
    expected: ['DELETE false 1 a', 'INSERT false 1 a', 'INSERT false 2 b'],
    appended: ['INSERT false 1 a', 'INSERT false 2 b'],
  },
  {
    name: 'MERGE is what it does to each row',
    before: [insert(1, 'a'), insert(2, 'b'), insert(3, 'c')],
    steps: [
      `MERGE INTO T TARGET USING (SELECT 1 AS K, 'x' AS W UNION ALL SELECT 2, 'gone' UNION ALL SELECT 4, 'new') S ON TARGET.ID = S.K
       WHEN MATCHED AND S.W = 'gone' THEN DELETE
       WHEN MATCHED THEN UPDATE SET V = S.W
       WHEN NOT MATCHED THEN INSERT (ID, V) VALUES (S.K, S.W)`,
    ],
    expected: ['DELETE true 1 a', 'INSERT true 1 x', 'DELETE false 2 b', 'INSERT false 4 new'],
    appended: ['INSERT false 4 new'],
  },
  {
    name: 'an update of the key is a pair of one row',
    before: [insert(1, 'a')],
    steps: ['UPDATE T SET ID = 9 WHERE ID = 1'],
    expected: ['DELETE true 1 a', 'INSERT true 9 a'],
    appended: [],
  },
  {
    name: 'an update to NULL and from NULL',
    before: [insert(1, 'a'), 'INSERT INTO T VALUES (2, NULL)', 'INSERT INTO T VALUES (3, NULL)'],
    steps: ['UPDATE T SET V = NULL WHERE ID = 1', update('b', 2), 'UPDATE T SET V = NULL WHERE ID = 3'],
    expected: ['DELETE true 1 a', 'INSERT true 1 ', 'INSERT true 2 b', 'DELETE true 2 '].toSorted(),
    appended: [],
  },
  {
    name: 'a transaction counts at its commit and as one',
    before: [insert(1, 'a')],
    steps: [['BEGIN', update('b'), insert(2, 'x'), update('y', 2), insert(3, 'z'), remove(3), 'COMMIT']],
    expected: ['DELETE true 1 a', 'INSERT true 1 b', 'INSERT false 2 y'],
  },
  {
    name: 'a transaction rolled back is nothing',
    before: [insert(1, 'a')],
    steps: [['BEGIN', update('b'), insert(2, 'x'), 'ROLLBACK']],
    expected: [],
    appended: [],
  },
  { name: 'AT = END is empty', steps: [insert(1, 'a')], from: 1, to: 1, expected: [], appended: [] },
];

describe.each(cases)('$name', ({ before = [], steps, from = 0, to, expected, appended }) => {
  test('CHANGES', async () => {
    const table = await newTable();
    const here = (sql: string) => sql.replace(/\bT\b/, table);
    for (const sql of before) await account.sql(here(sql));
    const moments = await play(
      account,
      steps.map((step) => (typeof step === 'string' ? here(step) : step.map(here))),
    );
    const window = [moments[from]!, moments[to ?? steps.length]!] as const;
    const changes = await changesOf(account, table, ['ID', 'V'], ...window);
    expect(brief(changes).toSorted()).toEqual(expected.toSorted());

    // At most one DELETE and one INSERT for a row id; both halves of an update share it.
    const ids = changes.map(({ rowId, action }) => `${rowId} ${action}`);
    expect(new Set(ids).size).toBe(ids.length);
    const updates = changes.filter((change) => change.isUpdate);
    expect(new Set(updates.map((change) => change.rowId)).size).toBe(updates.length / 2);
    const others = changes.filter((change) => !change.isUpdate);
    expect(new Set(others.map((change) => change.rowId)).size).toBe(others.length);

    if (appended === undefined) return;
    const inserts = await changesOf(account, table, ['ID', 'V'], ...window, 'APPEND_ONLY');
    expect(brief(inserts).toSorted()).toEqual(appended.toSorted());
  });
});

test('a row keeps its id over windows, and a row inserted again gets another', async () => {
  const table = await newTable();
  const moments = await play(account, [
    `INSERT INTO ${table} VALUES (1, 'a')`,
    `UPDATE ${table} SET V = 'b'`,
    `DELETE FROM ${table}`,
    `INSERT INTO ${table} VALUES (1, 'a')`,
  ]);
  const ids: string[][] = [];
  for (let i = 0; i < 4; i++) {
    const changes = await changesOf(account, table, ['ID'], moments[i]!, moments[i + 1]!);
    ids.push([...new Set(changes.map((change) => change.rowId))]);
  }
  expect(ids.map((each) => each.length)).toEqual([1, 1, 1, 1]);
  const [inserted, updated, deleted, again] = ids.flat();
  expect([updated, deleted]).toEqual([inserted, inserted]);
  expect(again).not.toBe(inserted);
  expect(inserted).toMatch(/^[0-9a-f]{40}$/);
});

test('E17: a change has the time of its commit, not of its statement', async () => {
  const table = await newTable();
  const writer = await account.session();
  const before = await account.mark();
  await run(writer, 'BEGIN');
  await run(writer, `INSERT INTO ${table} VALUES (1, 'a')`);
  const between = await account.mark();
  await run(writer, 'COMMIT');
  const after = await account.mark();
  expect(brief(await changesOf(account, table, ['ID'], before, between))).toEqual([]);
  expect(brief(await changesOf(account, table, ['ID'], between, after))).toEqual(['INSERT false 1']);
  expect(brief(await changesOf(account, table, ['ID'], before, after))).toEqual(['INSERT false 1']);
});
