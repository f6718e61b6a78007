import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Invocation, Notices } from '../../local/aws/lambda/notices.ts';
import { startAws, type AwsOptions, type LocalAws } from '../../local/aws/start.ts';
import { buildAssembly, type Built } from './aws-fixture/assembly.ts';
import { META } from './aws-fixture/handler.ts';

let built: Built;
let aws: LocalAws | undefined;
beforeAll(async () => {
  built = await buildAssembly();
});
afterEach(() => aws?.close());
afterAll(() => built.remove());

async function start(options: Partial<AwsOptions> = {}): Promise<LocalAws> {
  aws = await startAws({ assembly: built.assembly, ...options });
  return aws;
}
type Ended = Notices['end'][0];
/** Collects what a function has done; `reach` resolves once it was invoked that often. */
function watch(from: LocalAws, name: string) {
  const all: Ended[] = [];
  let look = () => {};
  from.notices.on('end', (one) => {
    if (one.function === name) all.push(one);
    look();
  });
  const reach = (count: number) =>
    new Promise<Ended[]>((resolve) => {
      look = () => (all.length >= count ? resolve(all) : undefined);
      look();
    });
  return { reach };
}
const partitionOf = ({ event }: Invocation) => (event as { detail: { partition: number } }).detail.partition;
const sorted = (numbers: number[]) => numbers.sort((a, b) => a - b);

describe('events', () => {
  it('go from the product’s own client over the bus and its rule to the function', async () => {
    const local = await start();
    const published = watch(local, 'shop-publish').reach(12);
    expect(await local.invoke('Plan', { do: 'call', partitions: 12 })).toEqual({ payload: null });
    const all = await published;
    expect(sorted(all.map(partitionOf))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(all[0]).toMatchObject({
      source: 'event',
      event: { source: 'snowmelt.shop', 'detail-type': 'publish', detail: { source: 'orders' } },
    });
  });

  it('are delivered twice where the seed says so', async () => {
    const doubledOf = async (seed: number) => {
      const local = await start({ doubled: 0.5, seed });
      const publish = watch(local, 'shop-publish');
      await local.invoke('Plan', { do: 'call', partitions: 6 });
      const { doubled } = local.counters;
      const all = await publish.reach(6 + doubled);
      await local.close();
      return { doubled, all: sorted(all.map(partitionOf)) };
    };
    const first = await doubledOf(7);
    expect(first.doubled).toBeGreaterThan(0);
    expect(first.doubled).toBeLessThan(6);
    expect(await doubledOf(7)).toEqual(first);
  });

  it('that the product cannot send are its error', async () => {
    const local = await start();
    local.intercept((call) => (call.operation === 'PutEvents' ? { before: () => 'fail' } : undefined));
    expect(await local.invoke('Plan', { do: 'call', partitions: 1 })).toMatchObject({
      failure: { reason: 'error', message: expect.stringContaining('InternalServerError') as string },
    });
  });
});

describe('schedules', () => {
  it('fire at once and then each of their minutes, with the input of the template', async () => {
    const local = await start({ minuteMs: 100 });
    const ticks = watch(local, 'shop-plan').reach(3);
    local.startSchedules();
    const inputs = (await ticks).map(({ event }) => event as { every: string; at: string; stack: string });
    local.stopSchedules();
    expect(inputs[0]).toMatchObject({ every: 'rate(1 minute)', stack: 'shop' });
    const times = inputs.map(({ at }) => Date.parse(at));
    // A busy machine may skip one, and end them in another order.
    for (const i of [1, 2]) expect(Math.abs(times[i]! - times[0]!) % 60_000).toBe(0);
  });
});

describe('secrets', () => {
  it('are read by the product’s own client', async () => {
    const local = await start({ secrets: { AmazonMSK_shop: '{"username":"u","password":"p"}' } });
    expect(await local.invoke('Plan', { do: 'secret' })).toEqual({ payload: { username: 'u', password: 'p' } });
  });

  it('that are not there are its error', async () => {
    const local = await start();
    expect(await local.invoke('Plan', { do: 'secret' })).toMatchObject({
      failure: { message: expect.stringMatching(/^Secret AmazonMSK_shop: ResourceNotFoundException/) as string },
    });
  });
});

describe('the table', () => {
  it('is the one of the template, and keeps what the product writes', async () => {
    const local = await start();
    expect(await local.invoke('Plan', { do: 'store', source: 'orders' })).toEqual({ payload: META });
    expect(await local.invoke('Publish', { do: 'store', source: 'orders' })).toEqual({ payload: META });
  });

  it('lets a crash be placed between a write and its reply', async () => {
    const local = await start();
    const seen: string[] = [];
    const remove = local.intercept(({ operation, pk, sk }) => {
      if (operation !== 'PutItem' || sk !== 'meta') return undefined;
      const after = () => {
        seen.push(`${pk} ${sk}`);
        local.signal((running) => running.function === 'shop-plan');
        return 'drop' as const;
      };
      return { after };
    });
    expect(await local.invoke('Plan', { do: 'store', source: 'orders' })).toMatchObject({
      failure: { reason: 'killed' },
    });
    remove();
    expect(seen).toEqual(['source#orders meta']);
    const inspect = { operation: '', pk: '' };
    local.intercept((call) => {
      const after = () => {
        if (call.operation === 'PutItem') Object.assign(inspect, { operation: call.operation, pk: call.pk });
        return 'pass' as const;
      };
      return { after };
    });
    expect(await local.invoke('Plan', { do: 'store', source: 'orders' })).toEqual({ payload: META });
    expect(inspect).toEqual({ operation: 'PutItem', pk: 'source#orders' });
  });
});

describe('a function may do what its role allows', () => {
  it.each([
    [
      'store',
      { do: 'store', source: 'orders' },
      'dynamodb:PutItem',
      'dynamodb:us-east-1:000000000000:table/shop-checkpoints',
    ],
    ['call', { do: 'call', partitions: 1 }, 'events:PutEvents', 'events:us-east-1:000000000000:event-bus/shop'],
    [
      'secret',
      { do: 'secret' },
      'secretsmanager:GetSecretValue',
      'secretsmanager:us-east-1:000000000000:secret:AmazonMSK_shop-a1B2c3',
    ],
  ])('and is refused otherwise: %s', async (_, task, action, resource) => {
    const local = await start({ secrets: { AmazonMSK_shop: '{"username":"u","password":"p"}' } });
    const said =
      `AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/shop-Onlooker/shop-watch is not authorized ` +
      `to perform: ${action} on resource: arn:aws:${resource} because no identity-based policy allows the ${action} action`;
    const message = expect.stringContaining(said) as string;
    expect(await local.invoke('Watch', task)).toMatchObject({ failure: { reason: 'error', message } });
    expect(await local.invoke('Plan', task)).toHaveProperty('payload');
    expect([...local.rights.seen.get('shop-plan')!]).toContain(action);
    expect([...(local.rights.seen.get('shop-watch') ?? [])]).not.toContain(action);
  });
});

it('operations without a stand-in are refused', async () => {
  const local = await start();
  for (const target of ['AWSEvents.ListRules', 'secretsmanager.PutSecretValue', 'Scheduler.CreateSchedule']) {
    const reply = await fetch(local.url, { method: 'POST', headers: { 'x-amz-target': target }, body: '{}' });
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({ __type: 'UnknownOperationException' });
  }
});
