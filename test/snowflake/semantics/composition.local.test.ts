// E14: windows compose. Folding (t0, t1] and then (t1, t2] gives what folding (t0, t2] gives, and the table's state.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Account } from './account.ts';
import { openAccount } from './account.ts';
import type { Change } from './windows.ts';
import { changesOf, play } from './windows.ts';

let account: Account;
let tables = 0;
beforeAll(async () => {
  account = await openAccount();
});
afterAll(() => account.close());

const id = fc.integer({ min: 1, max: 5 });
const value = fc.constantFrom('a', 'b', 'c');
const operation = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(id, value).map(([i, v]) => `INSERT INTO T VALUES (${i}, '${v}')`) },
  { weight: 4, arbitrary: fc.tuple(id, value).map(([i, v]) => `UPDATE T SET V = '${v}' WHERE ID <= ${i}`) },
  { weight: 3, arbitrary: id.map((i) => `DELETE FROM T WHERE ID = ${i}`) },
  { weight: 1, arbitrary: fc.constant('TRUNCATE TABLE T') },
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.array(operation, { minLength: 1, maxLength: 3 }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(operation, { minLength: 1, maxLength: 3 }), fc.constantFrom('COMMIT', 'ROLLBACK'))
      // TRUNCATE is DML in Snowflake and may be rolled back.
      .map(([operations, end]) => ['BEGIN', ...operations, end]),
  },
);

/** Applies a window to rows by their id. */
function fold(rows: Map<string, string>, changes: Change[]): Map<string, string> {
  const next = new Map(rows);
  for (const change of changes) if (change.action === 'DELETE') next.delete(change.rowId);
  for (const change of changes) if (change.action === 'INSERT') next.set(change.rowId, change.values.join(' '));
  return next;
}

test('random histories', async () => {
  const property = fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 5 }), async (steps) => {
    const table = account.table(`C${++tables}`);
    await account.sql(`CREATE TABLE ${table} (ID NUMBER(38,0), V VARCHAR) CHANGE_TRACKING = TRUE`);
    const moments = await play(
      account,
      steps.map((each) => each.map((sql) => sql.replace(/\bT\b/, table))),
    );
    const window = (from: number, to: number) => changesOf(account, table, ['ID', 'V'], moments[from]!, moments[to]!);

    let folded = new Map<string, string>();
    for (let i = 0; i < steps.length; i++) {
      folded = fold(folded, await window(i, i + 1));
      expect(folded).toEqual(fold(new Map(), await window(0, i + 1)));
      const { rows } = await account.sql(
        `SELECT TO_VARCHAR(ID) || ' ' || V FROM ${table} AT(TIMESTAMP => ${moments[i + 1]!})`,
      );
      expect([...folded.values()].toSorted()).toEqual(rows.map((row) => row[0]!).toSorted());
    }
    const middle = steps.length >> 1;
    const halves = fold(fold(new Map(), await window(0, middle)), await window(middle, steps.length));
    expect(halves).toEqual(folded);
  });
  // A real account takes seconds for what the stand-in does in milliseconds.
  await fc.assert(property, { numRuns: account.control === null ? 2 : 8, seed: 20_261_122 });
}, 600_000);
