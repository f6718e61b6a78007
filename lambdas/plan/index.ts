/** The plan function: one invocation per tick of a schedule. The input names the schedule; the layer has its sources. */
import { createEvents, createNotices } from '../aws/events.ts';
import { createTelemetry } from '../aws/telemetry.ts';
import { createBudget } from '../checkpoints/budget.ts';
import { createCheckpoints } from '../checkpoints/store.ts';
import { readResolvedConfig } from '../config/runtime.ts';
import { intervalOf } from '../config/schedule.ts';
import { clockOf, told, type LambdaContext } from '../invocation.ts';
import { openSnowflake } from '../open-snowflake.ts';
import { finish, type PlanPorts } from '../protocol/plan.ts';
import { planUntil } from '../protocol/poll.ts';
import { planSettings, sourcePlan } from '../settings.ts';

/** `every`: a tick of that schedule. `tick: unfinished`: each minute, for scans and partitions left over. */
export type PlanEvent = { every: string } | { tick: 'unfinished' };

export async function handler(event: PlanEvent, context: LambdaContext): Promise<void> {
  const config = readResolvedConfig();
  const telemetry = createTelemetry(config.app, 'plan', context.awsRequestId);
  await told(telemetry, async () => {
    const snowflake = await openSnowflake(config);
    const budget = createBudget(config);
    const notices = createNotices(config);
    const ports: PlanPorts = {
      snowflake,
      checkpoints: createCheckpoints(config),
      events: createEvents(config),
      telemetry,
      clock: clockOf(context),
      ...(budget !== undefined && { budget }),
      ...(notices !== undefined && { notices }),
    };
    const all = config.sources.map((source) => sourcePlan(config, source));
    const working = all.filter((source) => source.paused !== true);
    try {
      if ('every' in event) {
        const named = new Set(config.sources.flatMap(({ name, every }) => (every === event.every ? [name] : [])));
        const due = working.filter(({ name }) => named.has(name));
        await planUntil(ports, planSettings(config), due, working, intervalOf(event.every) ?? 0);
      } else {
        await finish(ports, planSettings(config), all);
        telemetry.total('Ticks', 1);
        if (budget !== undefined) telemetry.total('BudgetPercent', 100 * (await budget.spent(Date.now())));
      }
    } finally {
      await snowflake.close();
    }
  });
}
