/** The recount function: one invocation an hour, over all sources. */
import { createTelemetry } from '../aws/telemetry.ts';
import { createBudget } from '../checkpoints/budget.ts';
import { createMembers } from '../checkpoints/members.ts';
import { createCheckpoints } from '../checkpoints/store.ts';
import { readResolvedConfig } from '../config/runtime.ts';
import { clockOf, told, type LambdaContext } from '../invocation.ts';
import { openSnowflake } from '../open-snowflake.ts';
import { tellFailure } from '../protocol/failures.ts';
import { recount } from '../protocol/recount.ts';
import { recountSettings, sourcePlan } from '../settings.ts';
import { knownSources } from '../sources.ts';

export async function handler(_event: unknown, context: LambdaContext): Promise<void> {
  const config = readResolvedConfig();
  const telemetry = createTelemetry(config.app, 'recount', context.awsRequestId);
  await told(telemetry, async () => {
    const snowflake = await openSnowflake(config);
    const budget = createBudget(config);
    const clock = clockOf(context);
    const checkpoints = createCheckpoints(config);
    const ports = { snowflake, checkpoints, telemetry, clock, ...(budget !== undefined && { budget }) };
    const known = await knownSources(
      config,
      createMembers(config),
      (pattern, error) => void tellFailure(telemetry, pattern, error),
    );
    const sources = known
      .filter(({ source, gone }) => !source.paused && !gone)
      .map(({ source }) => sourcePlan(config, source));
    try {
      await recount(ports, recountSettings(config), sources);
    } finally {
      await snowflake.close();
    }
  });
}
