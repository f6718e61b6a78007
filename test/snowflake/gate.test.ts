/** One bad object costs its own reading only, and few statements. */
import { expect, test } from 'vitest';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { readGate, readGates, sparing } from '../../lambdas/snowflake/gate.ts';

const objects = Array.from({ length: 250 }, (_, index) => ({ database: 'D', schema: 'S', name: `T${index}` }));

/** Answers like Snowflake; fails statements that name one of `bad`. */
function account(bad: string[], code: 'OBJECT_MISSING' | 'SNOWFLAKE_UNREACHABLE' = 'OBJECT_MISSING') {
  const asked: number[] = [];
  const ask = async (statement: string) => {
    const names = [...statement.matchAll(/"S"\."(\w+)"/g)].map((match) => match[1]!);
    asked.push(names.length);
    if (names.some((name) => bad.includes(name))) throw new SnowmeltError(code, 'no');
    const tokens = names.map((name, index) => [`t${index}`, name === 'T7' ? null : `token of ${name}`]);
    return [Object.fromEntries([['now', '2026-01-02 03:04:05.678'], ...tokens]) as Record<string, unknown>];
  };
  return { asked, ask };
}

const now = Date.parse('2026-01-02T03:04:05.678Z');

test('a hundred objects a statement', async () => {
  const { asked, ask } = account([]);
  const readings = await readGate(ask, objects);
  expect(asked).toEqual([100, 100, 50]);
  expect(readings).toEqual(objects.map(({ name }) => ({ now, token: name === 'T7' ? null : `token of ${name}` })));
});

test('a statement that fails is halved until the bad object stands alone', async () => {
  const { asked, ask } = account(['T3', 'T249']);
  const readings = await readGate(ask, objects);
  readings.forEach((reading, index) => {
    if (index === 3 || index === 249) expect(reading).toMatchObject({ code: 'OBJECT_MISSING' });
    else expect(reading).toMatchObject({ now });
  });
  expect(asked.length).toBeLessThan(35);
});

test('every object bad', async () => {
  const { ask } = account(objects.map(({ name }) => name));
  expect((await readGate(ask, objects)).every((reading) => reading instanceof SnowmeltError)).toBe(true);
});

test('a session that folds quoted names is found out by its answer, then asked as one that does not', async () => {
  const { asked, ask } = account([]);
  const folding = async () => [{ NOW: '2026-01-02 03:04:05.678', T0: 'token of another table' }];
  const readings = await readGate(sparing(folding, ask), objects.slice(0, 101));
  expect(readings[0]).toEqual({ now, token: 'token of T0' });
  expect(asked).toEqual([100, 1]);
});

test('what is not about an object fails all, at once', async () => {
  const { asked, ask } = account(['T3'], 'SNOWFLAKE_UNREACHABLE');
  await expect(readGate(ask, objects)).rejects.toMatchObject({ code: 'SNOWFLAKE_UNREACHABLE' });
  expect(asked).toEqual([100]);
});

test('an answer without a time is refused', async () => {
  await expect(readGate(async () => [{}], objects.slice(0, 1))).resolves.toMatchObject([{ code: 'RESULT_MALFORMED' }]);
});

test('a source that watches several tables has their tokens as one; one that watches none gets the time', async () => {
  const [a, b, c, bad] = ['T1', 'T2', 'T7', 'T3'].map((name) => ({ database: 'D', schema: 'S', name }));
  const { asked, ask } = account(['T3']);
  const readings = await readGates(ask, [[a!], [a!, b!], [], [c!], [bad!, c!]]);
  expect(readings.slice(0, 4)).toEqual([
    { now, token: 'token of T1' },
    { now, token: '["token of T1","token of T2"]' },
    { now, token: null },
    { now, token: null },
  ]);
  expect(readings[4]).toMatchObject({ code: 'OBJECT_MISSING' });
  asked.length = 0;
  expect(await readGates(ask, [[]])).toEqual([{ now, token: null }]);
  expect(asked).toEqual([0]);
});
