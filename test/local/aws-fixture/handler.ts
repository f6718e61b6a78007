/** A Lambda handler for the tests of the local AWS: does what the event says, with the product's own clients. */
import { createEvents } from '../../../lambdas/aws/events.ts';
import { kafkaCredentials } from '../../../lambdas/aws/kafka-credentials.ts';
import { createTelemetry } from '../../../lambdas/aws/telemetry.ts';
import { createCheckpoints } from '../../../lambdas/checkpoints/store.ts';
import { readResolvedConfig } from '../../../lambdas/config/runtime.ts';
import type { LambdaContext } from '../../../lambdas/invocation.ts';
import type { Meta } from '../../../lambdas/protocol/ports/state.ts';

type Task =
  | { do: 'facts' | 'hang' | 'throw' | 'exit' | 'secret' | 'metrics' }
  | { do: 'print'; lines: number }
  | { do: 'call'; partitions: number }
  | { do: 'store'; source: string };

let served = 0;

export async function handler(event: Task | { detail: unknown }, context: LambdaContext): Promise<unknown> {
  served++;
  if (!('do' in event)) return event;
  switch (event.do) {
    case 'facts':
      return { served, pid: process.pid, remainingMs: context.getRemainingTimeInMillis(), env: process.env };
    case 'hang':
      console.log('hanging');
      return new Promise(() => setInterval(() => undefined, 1000));
    case 'throw':
      throw new TypeError('as asked');
    case 'exit':
      return process.exit(7);
    case 'print':
      for (let i = 0; i < event.lines; i++) console.log(`line ${i}`);
      return null;
    case 'metrics': {
      const telemetry = createTelemetry('shop', 'plan');
      telemetry.count('RowsPublished', 3, { source: 'orders' });
      telemetry.count('RowsPublished', 4, { source: 'orders' });
      telemetry.info('counted', { rows: 7 });
      telemetry.flush();
      return null;
    }
    case 'secret':
      return kafkaCredentials(readResolvedConfig());
    case 'call': {
      const calls = Array.from({ length: event.partitions }, (_, partition) => ({ source: 'orders', partition }));
      return createEvents(readResolvedConfig()).call(calls);
    }
    case 'store': {
      const store = createCheckpoints(readResolvedConfig());
      await store.create(event.source, META);
      return (await store.look(event.source))?.meta;
    }
  }
}

export const META: Meta = {
  incarnation: 'i',
  clusterId: null,
  sightings: [],
  scan: null,
  request: null,
  finishedThrough: 0,
  recountedThrough: 0,
  caughtUpAt: null,
  paused: false,
  retentionMs: null,
  lastError: null,
};
