/** A commit whose reply was lost, and what others make of it before its owner goes on. */
import { expect, test, vi } from 'vitest';
import { check, NO_DEFECTS, standstill } from './memory/oracle.ts';
import { TICK, World } from './memory/world.ts';

vi.mock('@aws-sdk/client-dynamodb', () => import('./memory/dynamodb.ts'));

test('its window is finished and gone from the log when the owner looks for it: the owner goes on', async () => {
  const world = new World();
  world.planSettings.keepWindowsMs = 0;
  world.commit(1);
  let met = 0;
  world.wire.judge = ({ name }) => {
    if (met === 0 && name === 'commit: UpdateItem partition') return (met++, 'reply lost');
    return met === 1 && name === 'open: InitProducerId' ? (met++, 'frozen before') : null;
  };
  while (world.called.length === 0) {
    world.clock.time += TICK;
    await world.run(world.spawnPlan());
  }
  const owner = world.spawnPublish(world.called.shift()!);
  await world.wire.run();
  expect(owner.state).toBe('frozen');
  // Within its lease a window of the other partition takes the head.
  world.commit(2);
  for (let looks = 0; looks < 3; looks++) {
    world.clock.time += 18_000;
    await world.run(world.spawnPlan());
    await world.drain();
  }
  await world.run(world.spawnFinish());
  expect((await world.checkpoints.look('s'))!.meta.finishedThrough).toBe(2);
  owner.state = 'running';
  await world.wire.run();
  expect(world.errors.map(({ code }) => code)).toEqual([]);
  expect(await standstill(world)).toBeNull();
  expect(check(world)).toEqual(NO_DEFECTS);
});
