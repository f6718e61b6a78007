import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AwsCall, Interceptor } from '../../local/aws/interceptors.ts';
import { Killer, workerOf, type Worker } from '../../local/demo/kills.ts';
import type { ProxiedRequest, ReplyHook, RequestHook } from '../../local/kafka/proxy.ts';

const worker: Worker = { source: 'flights', partition: 2 };
const request = (api: string, over: object = {}): ProxiedRequest => ({
  api,
  version: 1,
  clientId: 'c',
  connection: 1,
  broker: 'b',
  port: 1,
  transactionalId: 'snowmelt:local:flights:2',
  ...over,
});
const store: AwsCall = {
  service: 'dynamodb',
  operation: 'UpdateItem',
  pk: 'source#flights',
  sk: 'partition#0002',
  port: 1,
  input: { ExpressionAttributeValues: { ':position': { N: '1' } } },
};

/** A world in which a worker goes through its transaction step by step. */
function world(seed: number) {
  let onRequest!: RequestHook;
  let onReply!: ReplyHook;
  let interceptor!: Interceptor;
  const killed: Worker[] = [];
  const killer = new Killer(
    {
      proxy: {
        onRequest: (hook) => ((onRequest = hook), () => undefined),
        onReply: (hook) => ((onReply = hook), () => undefined),
      },
      intercept: (hook) => ((interceptor = hook), () => undefined),
      kill: (who) => (killed.push(who), true),
      running: () => [worker],
      log: () => undefined,
    },
    seed,
  );
  /** One whole transaction; answers after which step the worker was killed. */
  const transaction = async (): Promise<string | null> => {
    const alive = killed.length;
    const died = () => killed.length > alive;
    void onRequest(request('InitProducerId'));
    void onReply(request('InitProducerId'), 0);
    void onRequest(request('Produce'));
    if ((await onReply(request('Produce'), 0)) === 'close') return 'Produce';
    void onRequest(request('EndTxn', { commit: true }));
    void onReply(request('EndTxn', { commit: true }), 0);
    const intervention = interceptor(store)!;
    if ((await intervention.before!()) === 'drop') return 'EndTxn';
    await intervention.after!();
    return died() ? 'random' : null;
  };
  return { killer, killed, transaction };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('kills come at all three places and are counted by what was on the wire', async () => {
  const { killer, killed, transaction } = world(1);
  killer.start(100);
  const steps: (string | null)[] = [];
  for (let i = 0; i < 400; i++) {
    steps.push(await transaction());
    await vi.advanceTimersByTimeAsync(50);
  }
  const stopped = killer.stop();
  await vi.runAllTimersAsync();
  await stopped;
  const times = (step: string) => steps.filter((one) => one === step).length;
  expect(times('Produce')).toBeGreaterThan(10);
  expect(times('EndTxn')).toBeGreaterThan(10);
  expect(killer.counts.killsBeforeStore).toBe(times('EndTxn'));
  expect(killer.counts.killsInTransaction).toBeGreaterThanOrEqual(times('Produce'));
  expect(killer.counts.kills).toBe(killed.length);
  expect(killer.counts.kills).toBeGreaterThan(times('Produce') + times('EndTxn'));
  expect(killer.transactions).toBe(steps.length - times('Produce'));
});

test('a worker that stored nothing since two kills is spared', async () => {
  const { killer, killed } = world(2);
  killer.start(50);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(killed).toHaveLength(2);
  const stopped = killer.stop();
  await vi.runAllTimersAsync();
  await stopped;
});

test('who works under a transactional id', () => {
  expect(workerOf('snowmelt:local:flights:12')).toEqual({ source: 'flights', partition: 12 });
  expect(workerOf('someone:else')).toBeNull();
  expect(workerOf(undefined)).toBeNull();
});
