/**
 * Asks for invocations of publish, and tells people, through EventBridge: at least once, maybe late, maybe twice. Nothing
 * rests on an event: an error here only makes the next tick call or tell again.
 */
import {
  EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
  type PutEventsResultEntry,
} from '@aws-sdk/client-eventbridge';
import { patternOf } from '../config/patterns.ts';
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import type { Events, Notices } from '../protocol/ports/effects.ts';
import { clientOptions, perEndpoint } from './client.ts';

/** Of what people are told: a rule of its own hands the detail, `{app, source, ...notice}`, to their topic. */
export const NOTICE = 'notification';
/** What the stack's rules match: source `snowmelt.<app>`, a detail type for each size of publish, detail `{source, partition}`. */
export const detailType = (memory: number | null) => (memory === null ? 'publish' : `publish-${memory}`);
export const eventSource = (app: string) => `snowmelt.${app}`;

/** EventBridge's limit for one request. */
const BATCH = 10;
/** Entries that were refused are sent this often in all. */
const ROUNDS = 3;

const clientFor = perEndpoint((config) => new EventBridgeClient(clientOptions(config)));

/** `call` throws EVENTS_UNREACHABLE when an entry was not taken; the others were. */
export function createEvents(config: Pick<ResolvedConfig, 'app' | 'aws' | 'sources' | 'patterns'>): Events {
  const client = clientFor(config);
  const sizes = new Map(config.sources.map(({ name, memory }) => [name, memory]));
  const entryOf = (call: { source: string; partition: number }): PutEventsRequestEntry => ({
    EventBusName: config.aws.bus,
    Source: eventSource(config.app),
    DetailType: detailType(sizes.get(call.source) ?? patternOf(config, call.source)?.pattern.source.memory ?? null),
    Detail: JSON.stringify({ source: call.source, partition: call.partition }),
  });
  return {
    call: (calls) => putAll(client, calls.map(entryOf)),
  };
}

/** undefined where nobody wants to hear. `tell` throws EVENTS_UNREACHABLE. */
export function createNotices(config: Pick<ResolvedConfig, 'app' | 'aws'>): Notices | undefined {
  const { app, aws } = config;
  if (aws.notifications !== true) return undefined;
  const client = clientFor(config);
  return {
    tell: (source, notices) =>
      putAll(
        client,
        notices.map((notice) => ({
          EventBusName: aws.bus,
          Source: eventSource(app),
          DetailType: NOTICE,
          Detail: JSON.stringify({ app, source, ...notice }),
        })),
      ),
  };
}

/** Puts one that no rule of the stack waits for. @throws EVENTS_UNREACHABLE */
export function reachBus(config: Pick<ResolvedConfig, 'app' | 'aws'>): Promise<void> {
  const { app, aws } = config;
  const entry = { EventBusName: aws.bus, Source: eventSource(app), DetailType: 'check', Detail: '{}' };
  return putAll(clientFor(config), [entry]);
}

async function putAll(client: EventBridgeClient, entries: PutEventsRequestEntry[]): Promise<void> {
  for (let start = 0; start < entries.length; start += BATCH) await put(client, entries.slice(start, start + BATCH));
}

/** A request that succeeds may still refuse some of its entries: these alone are sent again. */
async function put(client: EventBridgeClient, entries: PutEventsRequestEntry[]): Promise<void> {
  let left = entries;
  let refusal: PutEventsResultEntry | undefined;
  for (let round = 0; round < ROUNDS && left.length > 0; round++) {
    const results = await send(client, left);
    refusal = results.find((result) => result.ErrorCode !== undefined);
    left = left.filter((_, i) => results[i]?.ErrorCode !== undefined);
  }
  if (left.length === 0) return;
  throw new SnowmeltError(
    'EVENTS_UNREACHABLE',
    `${left.length} of ${entries.length} events were refused: ${refusal?.ErrorCode}: ${refusal?.ErrorMessage}`,
  );
}

async function send(client: EventBridgeClient, entries: PutEventsRequestEntry[]): Promise<PutEventsResultEntry[]> {
  try {
    const reply = await client.send(new PutEventsCommand({ Entries: entries }));
    return reply.Entries ?? [];
  } catch (error) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new SnowmeltError('EVENTS_UNREACHABLE', what, { cause: error });
  }
}
