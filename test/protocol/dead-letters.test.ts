/** Rows that can't be sent: they stop their partition, or go to the dead letters in the transaction that they belong to. */
import { afterEach, expect, test } from 'vitest';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { dealWithLetters, dropDeadLetters, replayDeadLetters } from '../../lambdas/protocol/operate.ts';
import type { Telemetry } from '../../lambdas/protocol/ports/effects.ts';
import { UNFIT } from './ports/encoders.ts';
import { drain, MINUTE, world } from './world.ts';

class Counts implements Telemetry {
  readonly errors: string[] = [];
  readonly counted: Record<string, number> = {};
  info() {}
  gauge() {}
  error(error: Error) {
    this.errors.push((error as SnowmeltError).code);
  }
  count(metric: string, value: number) {
    this.counted[metric] = (this.counted[metric] ?? 0) + value;
  }
}

/** Ten keys in partition 0, in this order: 0 10 12 14 16 18 2 4 6 8; those that are named can't be sent. */
function started(deadLetters: boolean, ...unfit: string[]) {
  const w = world(new Counts());
  Object.assign(w.publishSettings, {
    deadLetterTopic: deadLetters ? { name: 'dead', partitions: 1 } : null,
    progressTopic: { name: 'ends', partitions: 1 },
  });
  for (let key = 0; key < 20; key += 2) {
    const value = unfit.includes(String(key)) ? UNFIT : `v${key}`;
    w.table.commits.push({ at: w.clock.time - 1, key: String(key), value });
  }
  const pass = async (ticks: number) => {
    for (let tick = 0; tick < ticks; tick++) {
      await w.tick();
      await drain(w);
      w.clock.time += MINUTE;
    }
  };
  const of = (topic: string) =>
    w.kafka.log.filter((record) => record.topic === topic).map(({ key, value }) => `${key} ${value}`);
  const item = () => w.checkpoints.sources.get('s')!.partitions.get(0)!;
  return { w, pass, of, item };
}
type Started = ReturnType<typeof started>;
let last: Started | null = null;
afterEach(() => {
  Object.assign(last!.w.publishSettings, { deadLetterTopic: null, progressTopic: null });
});

test('one that can not be sent stops its partition, and nothing of its transaction is seen', async () => {
  last = started(false, '14');
  await last.pass(4);
  expect(last.w.telemetry.errors).toEqual(['VALUE_UNFIT']);
  expect(last.item()).toMatchObject({ state: 'needs-operator', position: null });
  expect(last.of('t')).toEqual([]);
});

test('with dead letters the others go on; the end of the window, the item and the metric count them', async () => {
  last = started(true, '0', '8');
  const { w, pass, of, item } = last;
  await pass(4);
  expect(w.telemetry.errors).toEqual([]);
  expect(of('t').map((record) => record.split(' ')[0])).toEqual(['10', '12', '14', '16', '18', '2', '4', '6']);
  expect(of('dead')).toEqual(['1:0:1 VALUE_UNFIT r', '1:0:10 VALUE_UNFIT r']);
  expect(of('ends')).toEqual(['end 1 0 2']);
  expect(item()).toMatchObject({ position: { window: 1, row: 10 }, dead: { window: 1, rows: 2, last: 10 } });
  expect(w.telemetry.counted['DeadLetters']).toBe(2);

  // A window without any ends with none, and the last ones are still known.
  w.table.commits.push({ at: w.clock.time + 7, key: '4', value: 'new' });
  await pass(3);
  expect(of('ends').at(-1)).toBe('end 2 0 0');
  expect(item()).toMatchObject({ position: { window: 2 }, dead: { window: 1, rows: 2, last: 10 } });
});

test.each(['before', 'after'] as const)(
  'a commit that fails %s it took effect: each letter once, and all counted',
  async (when) => {
    last = started(true, '0', '8');
    const { w, pass, of, item } = last;
    let failed = false;
    w.kafka.fault = (call, at) => {
      if (call !== 'commit' || at !== when || failed) return;
      failed = true;
      throw new SnowmeltError('KAFKA_UNREACHABLE', 'lost');
    };
    await pass(5);
    expect(failed).toBe(true);
    expect(of('t')).toHaveLength(8);
    expect(of('dead')).toEqual(['1:0:1 VALUE_UNFIT r', '1:0:10 VALUE_UNFIT r']);
    expect(of('ends')).toEqual(['end 1 0 2']);
    expect(item().dead).toEqual({ window: 1, rows: 2, last: 10 });
    expect(w.telemetry.counted['DeadLetters']).toBe(2);
  },
);

test('letters are dropped up to a window, then all; what comes later waits again', async () => {
  last = started(true, '0');
  const { w, pass, item } = last;
  await pass(4);
  w.table.commits.push({ at: w.clock.time + 7, key: '4', value: UNFIT });
  await pass(3);
  expect(item().dead).toEqual({ window: 2, rows: 1, last: 2 });
  const dropped = (through: number | null) => dropDeadLetters(w.checkpoints, 's', through);
  expect(await dropped(1)).toEqual([{ partition: 0, dealtWith: { window: 1, row: 2 ** 32 - 1 } }]);
  expect(await dropped(null)).toEqual([{ partition: 0, dealtWith: { window: 2, row: 2 } }]);
  await expect(dropped(null)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
  w.table.commits.push({ at: w.clock.time + 7, key: '6', value: UNFIT });
  await pass(3);
  expect(await dropped(null)).toMatchObject([{ dealtWith: { window: 3 } }]);
});

test('what letters are of is sent again as it is now, and they are dealt with; not from beyond Time Travel', async () => {
  last = started(true, '0', '8');
  const { w, pass, of, item } = last;
  await pass(4);
  const [first] = await w.checkpoints.windows('s', 1, 1);
  w.table.commits.push({ at: w.clock.time + 7, key: '0', value: 'mended' });
  await pass(3);
  await expect(replayDeadLetters(w.checkpoints, 's', '2025-12-01T00:00:00.000Z')).rejects.toMatchObject({
    code: 'OPERATION_REFUSED',
    message: expect.stringContaining('Time Travel') as string,
  });
  expect(await replayDeadLetters(w.checkpoints, 's', first!.to)).toMatchObject({ kind: 'repair', since: first!.to });
  await dealWithLetters(w.checkpoints, 's', new Map([[0, item().position!]]));
  expect(item().dealtWith).toEqual(item().position);
  await pass(3);
  expect(of('t').at(-1)).toMatch(/^0 r\|\|mended\|/);
  // The update itself could not go: the row before it was the bad one.
  expect(of('dead')).toHaveLength(3);
});
