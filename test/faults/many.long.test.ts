/** A hundred sources deployed at once: their snapshots are taken a few at a time, and all arrive. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Pipeline, Stands } from './pipeline.ts';

const SOURCES = 100;
/** Snapshots at once. */
const FEW = 16;

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
  // One configuration, of which each pipeline here has a copy.
  pipelines[0]!.config.limits.maxSnapshots = FEW;
  let atOnce = 0;
  const rest = new Set(pipelines);
  // Sighted by one tick, and after the margin and the lag taken by another; then a few with each.
  const enough = 3 + Math.ceil(SOURCES / FEW);
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
  expect(atOnce).toBe(FEW);
  for (const [n, pipeline] of pipelines.entries()) {
    const records = (await pipeline.published()).map(({ op, after }) => ({ op, after }));
    expect(records).toHaveLength(3);
    expect(records).toEqual(expect.arrayContaining([1, 2, 3].map((ID) => ({ op: 'r', after: { ID: `${ID}`, N: n } }))));
    expect(pipeline.codes).toEqual([]);
  }
});
