/** A hundred sources deployed at once: their snapshots are taken a few at a time, and all arrive. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Pipeline, Stands } from './pipeline.ts';

const SOURCES = 100;
const ROWS = 3;

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
}, 60_000);
afterAll(() => stands.stop());

/** Its first snapshot is being read or published. */
async function underWay(pipeline: Pipeline): Promise<boolean> {
  const state = await pipeline.state();
  const open = state?.windows.some(({ kind }) => kind === 'snapshot') ?? false;
  return open || state?.meta.scan?.kind === 'snapshot';
}

test('a hundred sources at once', { timeout: 180_000 }, async () => {
  const pipelines: Pipeline[] = [];
  for (let n = 0; n < SOURCES; n++) {
    const pipeline = await stands.pipeline({ source: { partitions: 1 } });
    pipelines.push(pipeline);
    await stands.sql(
      `CREATE TABLE ${pipeline.tableName} (ID NUMBER(38,0) NOT NULL, N NUMBER(9,0)) CHANGE_TRACKING = TRUE`,
      `INSERT INTO ${pipeline.tableName} VALUES (1, ${n}), (2, ${n}), (3, ${n})`,
    );
  }
  const { maxSnapshots } = pipelines[0]!.config.limits;
  let atOnce = 0;
  const rest = new Set(pipelines);
  // Sighted by one tick, and after the margin and the lag taken by another; then a few with each.
  const enough = 3 + Math.ceil(SOURCES / maxSnapshots);
  for (let tick = 0; tick < enough && rest.size > 0; tick++) {
    await stands.passMinutes(1);
    const called = await Pipeline.tickAll(pipelines);
    const begun = await Promise.all([...rest].map(underWay));
    atOnce = Math.max(atOnce, begun.filter(Boolean).length);
    for (const { pipeline, partition } of called) {
      await pipeline.publish(partition);
      rest.delete(pipeline);
    }
  }
  expect(rest.size).toBe(0);
  expect(atOnce).toBe(maxSnapshots);
  for (const [n, pipeline] of pipelines.entries()) {
    const after = [1, 2, 3].map((ID) => [`{"ID":"${ID}"}`, { ID: `${ID}`, N: n }]);
    expect(await pipeline.folded()).toEqual(Object.fromEntries(after));
    expect(await pipeline.published()).toHaveLength(ROWS);
    expect(pipeline.codes).toEqual([]);
  }
});
