/** The plan function: one invocation per tick of a schedule. The input names the schedule; the layer has its sources. */
import { createEvents, createNotices } from '../aws/events.ts';
import { createTelemetry } from '../aws/telemetry.ts';
import { createBudget } from '../checkpoints/budget.ts';
import { createMembers } from '../checkpoints/members.ts';
import { createCheckpoints } from '../checkpoints/store.ts';
import { readResolvedConfig } from '../config/runtime.ts';
import { intervalOf } from '../config/schedule.ts';
import { clockOf, told, type LambdaContext } from '../invocation.ts';
import { openSnowflake } from '../open-snowflake.ts';
import { discover, tellPattern } from '../protocol/discover.ts';
import { tellFailure } from '../protocol/failures.ts';
import { finish, type PlanPorts } from '../protocol/plan.ts';
import { planUntil } from '../protocol/poll.ts';
import { planSettings, sourcePlan } from '../settings.ts';
import { knownSources, patternPlan } from '../sources.ts';

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
    const members = createMembers(config);
    const tell = (pattern: string, error: unknown) => void tellFailure(telemetry, pattern, error);
    const known = await knownSources(config, members, tell);
    const all = known.map(({ source, gone }) => ({ ...sourcePlan(config, source), ...(gone && { gone }) }));
    const patterns = (config.patterns ?? []).filter(({ source }) => !source.paused);
    try {
      if ('every' in event) {
        const named = new Set(known.flatMap(({ source }) => (source.every === event.every ? [source.name] : [])));
        const working = all.filter((source) => source.paused !== true && source.gone !== true);
        const due = working.filter(({ name }) => named.has(name));
        // A schema that takes long to list keeps no source waiting: what is found is the next tick's.
        const looks = patterns
          .filter(({ source }) => source.every === event.every)
          .map((pattern) => discover({ ...ports, catalog: snowflake, members }, patternPlan(config, pattern)));
        const work = [planUntil(ports, planSettings(config), due, working, intervalOf(event.every) ?? 0), ...looks];
        for (const ended of await Promise.allSettled(work))
          if (ended.status === 'rejected') throw ended.reason as Error;
      } else {
        await finish(ports, planSettings(config), all);
        for (const { name } of patterns) {
          const told = (error: unknown) => tell(name, error);
          await members.listing(name).then((listing) => tellPattern(telemetry, name, listing), told);
        }
        telemetry.total('Ticks', 1);
        if (budget !== undefined) telemetry.total('BudgetPercent', 100 * (await budget.spent(Date.now())));
      }
    } finally {
      await snowflake.close();
    }
  });
}
