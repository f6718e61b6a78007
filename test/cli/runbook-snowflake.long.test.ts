/** The runbook at work, as in runbook.long.test.ts: codes whose cause is in Snowflake or in the schema registry. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { follow } from './runbook/follow.ts';
import { REGISTRY_CASES } from './runbook/registry-cases.ts';
import { SNOWFLAKE_CASES, withLateRow } from './runbook/snowflake-cases.ts';
import { Stage } from './runbook/stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.start();
});
afterAll(async () => {
  await stage.stop();
});

test.each([...SNOWFLAKE_CASES, ...REGISTRY_CASES])('$code: $what', (each) => follow(stage, each));

test('results that are gone before the repair was even read: a replay takes its place', async () => {
  const pipeline = await withLateRow(stage);
  await stage.stands.snowflake.control.expireResults();
  await pipeline.run(3);
  expect(pipeline.codes).toEqual([]);
  await stage.expectSame(pipeline);
});
