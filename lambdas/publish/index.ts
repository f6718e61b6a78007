/** The publish function: one invocation per event, for one partition of one source. */
import { randomUUID } from 'node:crypto';
import { createEvents } from '../aws/events.ts';
import { registryCredentials } from '../aws/secrets.ts';
import { createTelemetry } from '../aws/telemetry.ts';
import { createBudget } from '../checkpoints/budget.ts';
import { createMembers } from '../checkpoints/members.ts';
import { createCheckpoints } from '../checkpoints/store.ts';
import { readResolvedConfig } from '../config/runtime.ts';
import { createEncoders } from '../encoding/encoders.ts';
import { clockOf, told, type LambdaContext } from '../invocation.ts';
import { openKafka } from '../open-kafka.ts';
import { openSnowflake } from '../open-snowflake.ts';
import { publish, type PublishPorts } from '../protocol/publish.ts';
import { publishSettings, writeConfig } from '../settings.ts';
import { findSource } from '../sources.ts';

/** As EventBridge delivers it. */
export type PublishEvent = { detail: { source: string; partition: number } };

export async function handler(event: PublishEvent, context: LambdaContext): Promise<void> {
  const { source: name, partition } = event.detail;
  const config = readResolvedConfig();
  const telemetry = createTelemetry(config.app, 'publish', context.awsRequestId);
  await told(telemetry, async () => {
    const source = await findSource(config, createMembers(config), name);
    if (source.paused) return;
    const encoders = createEncoders(config, source, {
      credentials: await registryCredentials(config),
      renewed: () => registryCredentials(config, true),
    });
    const snowflake = await openSnowflake(config);
    const kafka = await openKafka(writeConfig(config, source));
    const budget = createBudget(config);
    const { makeTopic } = source;
    const ports: PublishPorts = {
      snowflake,
      kafka,
      encoders,
      checkpoints: createCheckpoints(config),
      events: createEvents(config),
      telemetry,
      clock: clockOf(context, source.timeoutMs),
      ...(budget !== undefined && { budget }),
      ...(makeTopic && { makeTopic: (topic: string, count: number) => kafka.makeTopic(topic, count, makeTopic) }),
    };
    try {
      // The owner is random per invocation: a retried request of another invocation must never pass for ours.
      const result = await publish(ports, publishSettings(config, source), name, partition, randomUUID());
      telemetry.info('publish ended', { source: name, partition, ...result });
      if (result.outcome === 'busy') telemetry.count('LeaseContended', 1, { source: name });
    } finally {
      await Promise.allSettled([snowflake.close(), kafka.close()]);
    }
  });
}
