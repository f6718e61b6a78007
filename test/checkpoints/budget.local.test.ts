import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBudget } from '../../lambdas/checkpoints/budget.ts';
import type { Budget } from '../../lambdas/protocol/ports/checkpoints.ts';
import { startTable, type TestTable } from './table.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const MIDNIGHT = Date.parse('2026-05-05T00:00:00Z');
const NOON = MIDNIGHT - 12 * HOUR;

let tables: TestTable[];
beforeAll(async () => {
  tables = await Promise.all(Array.from({ length: 5 }, startTable));
});
afterAll(() => Promise.all(tables.map((table) => table.close())));

/** A credit an hour, one a day: what is spent are hours. */
function budgetOf({ name, proxy }: TestTable): Budget {
  return createBudget({
    table: { name, endpoint: proxy.url, region: 'us-east-1' },
    budget: { creditsPerDay: 1, creditsPerHour: 1, idleMs: 60 * SECOND },
  })!;
}
const secondsOf = async (budget: Budget, now = NOON) => Math.round((await budget.spent(now)) * 3_600);

test('a statement costs a minute at least and the time until the warehouse suspends; side by side they share it', async () => {
  const budget = budgetOf(tables[0]!);
  expect(await secondsOf(budget)).toBe(0);
  await budget.used(NOON, NOON + 5 * SECOND);
  expect(await secondsOf(budget)).toBe(120);
  await budget.used(NOON + 2 * SECOND, NOON + 90 * SECOND);
  expect(await secondsOf(budget)).toBe(150);
  await budget.used(NOON + HOUR, NOON + HOUR + 100 * SECOND);
  expect(await secondsOf(budget)).toBe(310);
});

test('told twice, by whoever, it counts once; of a statement that still runs what there is', async () => {
  const [budget, other] = [budgetOf(tables[1]!), budgetOf(tables[1]!)];
  await budget.spent(NOON);
  const tell = (minutes: number) =>
    Promise.all([budget, other, budget, other].map((each) => each.used(NOON, NOON + minutes * 60 * SECOND)));
  for (const minutes of [1, 2, 2, 10]) await tell(minutes);
  expect(await secondsOf(budget)).toBe(11 * 60);
});

test('a lost reply is not counted twice', async () => {
  const table = tables[2]!;
  const budget = budgetOf(table);
  await budget.spent(NOON);
  let writes = 0;
  table.proxy.interceptors.add(({ operation }) => {
    if (operation !== 'UpdateItem') return undefined;
    const verdict = ++writes === 1 ? 'drop' : 'pass';
    return { after: () => verdict };
  });
  await budget.used(NOON, NOON + 60 * SECOND);
  expect(writes).toBeGreaterThan(1);
  expect(await secondsOf(budget)).toBe(120);
});

test('a day begins with nothing; what ran over midnight counts from there', async () => {
  const budget = budgetOf(tables[3]!);
  await budget.spent(NOON);
  await budget.used(MIDNIGHT - HOUR, MIDNIGHT - 60 * SECOND);
  expect(await secondsOf(budget, MIDNIGHT - 1)).toBe(3_600);
  expect(await budget.spent(MIDNIGHT)).toBe(0);
  await budget.used(MIDNIGHT - HOUR, MIDNIGHT + 60 * SECOND);
  expect(await secondsOf(budget, MIDNIGHT + 60 * SECOND)).toBe(120);
  // A clock that is behind does not bring yesterday back.
  await budget.used(MIDNIGHT - 60 * SECOND, MIDNIGHT - SECOND);
  expect(await secondsOf(budget, MIDNIGHT + 60 * SECOND)).toBe(120);
});

test('of several who count first one makes the item, and what comes after is counted', async () => {
  const budget = budgetOf(tables[4]!);
  await Promise.all([0, 1, 2, 3].map((hour) => budget.used(NOON + hour * HOUR, NOON + hour * HOUR + 60 * SECOND)));
  expect(await secondsOf(budget)).toBeGreaterThanOrEqual(120);
  await budget.used(NOON + 5 * HOUR, NOON + 5 * HOUR);
  const before = await secondsOf(budget);
  await budget.used(NOON + 6 * HOUR, NOON + 6 * HOUR);
  expect(await secondsOf(budget)).toBe(before + 120);
});

test('no budget, no counting', () => {
  expect(createBudget({ table: { name: 'x', endpoint: null, region: null } })).toBeUndefined();
});
