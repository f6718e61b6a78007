/** The plan function: one invocation per tick of a schedule. The input names the schedule; the layer has its sources. */
import { createEvents } from '../aws/events.ts';
import { maskSalt, snowflakeCredentials } from '../aws/secrets.ts';
import { createTelemetry } from '../aws/telemetry.ts';
import { createCheckpoints } from '../checkpoints/store.ts';
import { readResolvedConfig } from '../config/runtime.ts';
import { clockOf, told, type LambdaContext } from '../invocation.ts';
import { finish, plan, type PlanPorts } from '../protocol/plan.ts';
import { planSettings, sourcePlan } from '../settings.ts';
import { createSnowflake } from '../snowflake/client.ts';

/** `every`: a tick of that schedule. `tick: unfinished`: each minute, for scans and partitions left over. */
export type PlanEvent = { every: string } | { tick: 'unfinished' };

export async function handler(event: PlanEvent, context: LambdaContext): Promise<void> {
  const config = readResolvedConfig();
  const telemetry = createTelemetry(config.app, 'plan', context.awsRequestId);
  await told(telemetry, async () => {
    const snowflake = createSnowflake(config, await snowflakeCredentials(config), await maskSalt(config));
    const ports: PlanPorts = {
      snowflake,
      checkpoints: createCheckpoints(config),
      events: createEvents(config),
      telemetry,
      clock: clockOf(context),
    };
    const working = config.sources.filter((source) => !source.paused);
    const sources = working.map((source) => sourcePlan(config, source));
    try {
      if ('every' in event) {
        const due = sources.filter((_, i) => working[i]!.every === event.every);
        await plan(ports, planSettings(config), due, sources);
      } else {
        await finish(ports, planSettings(config), sources);
        telemetry.total('Ticks', 1);
      }
    } finally {
      await snowflake.close();
    }
  });
}
