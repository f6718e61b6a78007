import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Notices, Outcome } from '../../local/aws/lambda/notices.ts';
import { startAws, type AwsOptions, type LocalAws } from '../../local/aws/start.ts';
import { buildAssembly, type Built } from './aws-fixture/assembly.ts';

let built: Built;
let short: Built;
let aws: LocalAws | undefined;
beforeAll(async () => {
  built = await buildAssembly();
  short = await buildAssembly({ timeout: 1 });
});
afterEach(() => aws?.close());
afterAll(() => {
  built.remove();
  short.remove();
});

async function start(options: Partial<AwsOptions> = {}): Promise<LocalAws> {
  aws = await startAws({ assembly: built.assembly, ...options });
  return aws;
}
function payload<T>(outcome: Outcome): T {
  if ('failure' in outcome) throw new Error(JSON.stringify(outcome.failure));
  return outcome.payload as T;
}
type Facts = { served: number; pid: number; remainingMs: number; env: Record<string, string> };
/** Resolves with the first notice of that name that the test is after. */
function notice<K extends keyof Notices>(
  from: LocalAws,
  name: K,
  wanted: (value: Notices[K][0]) => boolean = () => true,
): Promise<Notices[K][0]> {
  const emitter: NodeJS.EventEmitter = from.notices;
  return new Promise((resolve) => {
    const look = (value: Notices[K][0]) => {
      if (!wanted(value)) return;
      emitter.off(name, look);
      resolve(value);
    };
    emitter.on(name, look);
  });
}

describe('a function', () => {
  it('runs its bundle cold, then warm in the same process, with the environment of the template', async () => {
    const { invoke, counters, children } = await start();
    const first = payload<Facts>(await invoke('shop-plan', { do: 'facts' }));
    const second = payload<Facts>(await invoke('Plan', { do: 'facts' }));
    expect([first.served, second.served]).toEqual([1, 2]);
    expect(second.pid).toBe(first.pid);
    expect(counters).toMatchObject({ invocations: 2, cold: 1, errors: 0 });
    expect(first.remainingMs).toBeGreaterThan(20_000);
    expect(first.remainingMs).toBeLessThanOrEqual(30_000);
    expect(first.env).toMatchObject({
      TABLE: 'shop-checkpoints',
      AWS_LAMBDA_FUNCTION_NAME: 'shop-plan',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
      AWS_REGION: 'us-east-1',
      SNOWMELT_CONFIG: `${built.folder}/asset.layer/snowmelt/config.json`,
    });
    expect(first.env).not.toHaveProperty('HOME');
    const [child] = children();
    expect(child).toMatchObject({ function: 'shop-plan', pid: first.pid, invocation: null });
    if (process.platform === 'linux') expect(child?.maxMemoryBytes).toBeGreaterThan(10 * 1024 * 1024);
  });

  it('has one process for each invocation at a time, up to what is reserved', async () => {
    const { invoke, counters, children } = await start();
    const all = await Promise.all(Array.from({ length: 6 }, () => invoke('Publish', { do: 'facts' })));
    const pids = new Set(all.map((outcome) => payload<Facts>(outcome).pid));
    expect(pids.size).toBe(2);
    expect(counters).toMatchObject({ invocations: 6, cold: 2 });
    expect(new Set(children().map((child) => child.pid))).toEqual(pids);
  });

  it('has a new process after its idle ones were ended, though they count until they are gone', async () => {
    const { invoke, endIdle, counters } = await start();
    const before = await Promise.all([invoke('Publish', { do: 'facts' }), invoke('Publish', { do: 'facts' })]);
    endIdle();
    const after = payload<Facts>(await invoke('Publish', { do: 'facts' }));
    expect(before.map((outcome) => payload<Facts>(outcome).pid)).not.toContain(after.pid);
    expect(counters).toMatchObject({ invocations: 3, cold: 3, errors: 0 });
  });

  it('that throws keeps its process', async () => {
    const { invoke, counters } = await start();
    const before = payload<Facts>(await invoke('Plan', { do: 'facts' }));
    const failure = { reason: 'error', type: 'TypeError', message: 'as asked' };
    expect(await invoke('Plan', { do: 'throw' })).toEqual({ failure });
    expect(payload<Facts>(await invoke('Plan', { do: 'facts' })).pid).toBe(before.pid);
    expect(counters).toMatchObject({ errors: 1, cold: 1 });
  });

  it('that ends its process gets a new one', async () => {
    const { invoke, counters } = await start();
    expect(await invoke('Plan', { do: 'exit' })).toMatchObject({
      failure: { reason: 'exit', type: 'Runtime.ExitError', message: 'shop-plan ended: exit code 7' },
    });
    expect(payload<Facts>(await invoke('Plan', { do: 'facts' })).served).toBe(1);
    expect(counters).toMatchObject({ cold: 2 });
  });

  it('that does not load says why', async () => {
    const { invoke } = await start();
    const failure = { reason: 'init', type: 'RangeError', message: 'does not load' };
    expect(await invoke('Broken', {})).toEqual({ failure });
  });

  it('is killed at its timeout, and the next invocation is cold', async () => {
    const { invoke, counters, notices } = await start({ assembly: short.assembly });
    const lines: string[] = [];
    notices.on('log', ({ line }) => lines.push(line));
    expect(await invoke('Plan', { do: 'hang' })).toMatchObject({
      failure: { reason: 'timeout', type: 'Sandbox.Timedout' },
    });
    expect(lines[0]).toBe('hanging');
    expect(lines[1]).toMatch(/^Task timed out/);
    expect(payload<Facts>(await invoke('Plan', { do: 'facts' })).served).toBe(1);
    expect(counters).toMatchObject({ cold: 2, timeouts: 1, kills: 0 });
  });

  it('is killed on request, in the middle of the invocation that matches', async () => {
    const local = await start();
    const hanging = notice(local, 'log', ({ line }) => line === 'hanging');
    const outcome = local.invoke('Plan', { do: 'hang' });
    const other = local.invoke('Publish', { do: 'facts' });
    const { invocation, pid } = await hanging;
    expect(local.signal((running) => running.function === 'shop-plan' && running.id === invocation)).toBe(1);
    expect(await outcome).toMatchObject({ failure: { reason: 'killed' } });
    expect(payload<Facts>(await other).pid).not.toBe(pid);
    expect(local.counters).toMatchObject({ kills: 1, timeouts: 0 });
    expect(local.signal(() => true)).toBe(0);
  });

  it('can be frozen and thawed', async () => {
    const local = await start();
    const pid = payload<Facts>(await local.invoke('Plan', { do: 'facts' })).pid;
    const started = notice(local, 'start');
    const outcome = local.invoke('Plan', { do: 'print', lines: 1 });
    await started;
    expect(local.signal((running) => running.pid === pid, 'SIGSTOP')).toBe(1);
    expect(local.signal((running) => running.pid === pid, 'SIGCONT')).toBe(1);
    expect(await outcome).toEqual({ payload: null });
  });

  it('has all its lines read when its invocation ends', async () => {
    const { invoke, notices } = await start();
    const lines: string[] = [];
    notices.on('log', ({ line }) => lines.push(line));
    await invoke('Plan', { do: 'print', lines: 20_000 });
    expect(lines).toEqual(Array.from({ length: 20_000 }, (_, i) => `line ${i}`));
  });

  it('has its metrics taken from what it prints', async () => {
    const { invoke, notices } = await start();
    const metrics: Notices['metric'][0][] = [];
    const lines: string[] = [];
    notices.on('metric', (metric) => metrics.push(metric));
    notices.on('log', ({ line }) => lines.push(line));
    await invoke('Plan', { do: 'metrics' });
    expect(metrics).toEqual([
      expect.objectContaining({
        namespace: 'Snowmelt',
        name: 'RowsPublished',
        unit: 'Count',
        values: [7],
        dimensions: expect.objectContaining({ source: 'orders' }) as unknown,
        function: 'shop-plan',
      }),
    ]);
    expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['counted']);
  });

  it('that idles is ended', async () => {
    const local = await start({ idleMs: 20 });
    const { pid } = payload<Facts>(await local.invoke('Plan', { do: 'facts' }));
    await expect.poll(() => local.children()).toEqual([]);
    expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});

describe('asynchronous invocations', () => {
  it('that fail are repeated as often as the template says, then given up', async () => {
    const local = await start({ minuteMs: 10 });
    const attempts: [string, number][] = [];
    local.notices.on('start', (one) => attempts.push([one.function, one.attempt]));
    const invokeLater = (name: string, event: object) =>
      fetch(`${local.url}/2015-03-31/functions/${name}/invocations`, {
        method: 'POST',
        headers: { 'x-amz-invocation-type': 'Event' },
        body: JSON.stringify(event),
      });
    const givenUp = notice(local, 'undelivered');
    expect((await invokeLater('shop-plan', { do: 'throw' })).status).toBe(202);
    expect(await givenUp).toEqual({ function: 'shop-plan', event: { do: 'throw' }, reason: 'as asked' });
    expect(attempts).toEqual([['shop-plan', 1]]); // EventInvokeConfig says 0
    const broken = notice(local, 'undelivered');
    await invokeLater('shop-broken', {});
    expect(await broken).toMatchObject({ function: 'shop-broken' });
    expect(attempts.slice(1)).toEqual([1, 2, 3].map((n) => ['shop-broken', n])); // nothing said: 2 retries
    expect(local.counters.undelivered).toBe(2);
  });

  it('can be waited for through the API as well', async () => {
    const local = await start();
    const invoke = async (name: string, event: object) => {
      const url = `${local.url}/2015-03-31/functions/${name}/invocations`;
      const reply = await fetch(url, { method: 'POST', body: JSON.stringify(event) });
      return { status: reply.status, failed: reply.headers.get('x-amz-function-error'), body: await reply.json() };
    };
    expect(await invoke('shop-plan', { detail: 1 })).toEqual({ status: 200, failed: null, body: { detail: 1 } });
    const body = { errorType: 'TypeError', errorMessage: 'as asked' };
    expect(await invoke('shop-plan', { do: 'throw' })).toEqual({ status: 200, failed: 'Unhandled', body });
    expect(await invoke('nobody', {})).toMatchObject({ status: 404 });
  });
});
