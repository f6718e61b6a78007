import { afterEach, beforeEach, expect, it } from 'vitest';
import { createEvents, createNotices } from '../../lambdas/aws/events.ts';
import type { ResolvedPattern, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { startServer } from './server.ts';

let server: Awaited<ReturnType<typeof startServer>>;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

type Entry = { Detail: string; EventBusName: string; Source: string; DetailType: string };
const entriesOf = (i: number) => server.asked[i]!.input['Entries'] as Entry[];
const events = () => createEvents({ app: 'shop', aws: { endpoint: server.url, bus: 'shop-bus' }, sources: [] });
const calls = (count: number) => Array.from({ length: count }, (_, partition) => ({ source: 'orders', partition }));
/** Takes all entries but those that `refuses` names. */
const takeBut = (refuses: (entry: Entry) => boolean) => {
  server.state.answer = ({ input }) => {
    const entries = input['Entries'] as Entry[];
    const results = entries.map((entry) =>
      refuses(entry) ? { ErrorCode: 'ThrottlingException', ErrorMessage: 'slow down' } : { EventId: 'e' },
    );
    return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
  };
};

it('sends each call as the event that the rule matches, ten to a request', async () => {
  takeBut(() => false);
  await events().call(calls(25));
  expect(server.asked.map(({ target }) => target)).toEqual(Array(3).fill('AWSEvents.PutEvents'));
  expect([0, 1, 2].map((i) => entriesOf(i).length)).toEqual([10, 10, 5]);
  expect(entriesOf(2)[4]).toEqual({
    EventBusName: 'shop-bus',
    Source: 'snowmelt.shop',
    DetailType: 'publish',
    Detail: '{"source":"orders","partition":24}',
  });
});

it('tells people by events of another type; nobody, where nobody wants to hear', async () => {
  takeBut(() => false);
  const aws = { endpoint: server.url, bus: 'shop-bus' };
  expect(createNotices({ app: 'shop', aws })).toBeUndefined();
  const done = {
    id: 'i',
    number: 7,
    at: '2026-01-01T00:00:00.000Z',
    type: 'snapshot-done' as const,
    window: 1,
    rows: 3,
  };
  await createNotices({ app: 'shop', aws: { ...aws, notifications: true } })!.tell('orders', [
    { ...done, request: null },
  ]);
  expect(entriesOf(0)).toEqual([
    {
      EventBusName: 'shop-bus',
      Source: 'snowmelt.shop',
      DetailType: 'notification',
      Detail: JSON.stringify({ app: 'shop', source: 'orders', ...done, request: null }),
    },
  ]);
});

it('takes the size of publish that a source has, or its pattern', async () => {
  takeBut(() => false);
  const sources = [{ name: 'orders', memory: 512 }] as ResolvedSource[];
  const patterns = [{ name: 'p', source: { memory: 2048 } }] as ResolvedPattern[];
  const sized = createEvents({ app: 'shop', aws: { endpoint: server.url, bus: 'b' }, sources, patterns });
  await sized.call(['orders', 'p.ORDERS', 'others'].map((source) => ({ source, partition: 0 })));
  expect(entriesOf(0).map(({ DetailType }) => DetailType)).toEqual(['publish-512', 'publish-2048', 'publish']);
});

it('asks for nothing when there is nothing to call', async () => {
  await events().call([]);
  expect(server.asked).toEqual([]);
});

it('sends again only the entries that were refused', async () => {
  let refused = 0;
  takeBut((entry) => entry.Detail.includes(':3}') && refused++ < 1);
  await events().call(calls(5));
  expect(entriesOf(1).map((entry) => entry.Detail)).toEqual(['{"source":"orders","partition":3}']);
  expect(server.asked).toHaveLength(2);
});

it('is EVENTS_UNREACHABLE when an entry is refused for good', async () => {
  takeBut((entry) => entry.Detail.includes(':3}'));
  const failure = { code: 'EVENTS_UNREACHABLE', message: '1 of 5 events were refused: ThrottlingException: slow down' };
  await expect(events().call(calls(5))).rejects.toMatchObject(failure);
});

it('is EVENTS_UNREACHABLE when EventBridge refuses the request or is not there', async () => {
  server.state.answer = (_, response) => server.refuse(response, 400, 'AccessDeniedException', 'no');
  await expect(events().call(calls(1))).rejects.toMatchObject({
    code: 'EVENTS_UNREACHABLE',
    message: 'AccessDeniedException: no',
  });
  const nowhere = createEvents({ app: 'shop', aws: { endpoint: 'http://127.0.0.1:9', bus: 'b' }, sources: [] });
  await expect(nowhere.call(calls(1))).rejects.toMatchObject({ code: 'EVENTS_UNREACHABLE' });
});
