/** What looking into Snowflake takes, and how what it refuses is told. */
import { SnowmeltError } from '../../errors.ts';
import type { Checkpoints } from '../../protocol/ports/checkpoints.ts';
import type { Account, Snowflake } from '../../protocol/ports/snowflake.ts';
import type { Findings, FixOf } from './findings.ts';

/** `deep`: whether keys are unique is asked of large tables, too. */
export type Ports = { snowflake: Snowflake & Account; checkpoints: Checkpoints; deep: boolean };

/** As `Findings.attempt`, for what the port of Snowflake throws. */
export function attempt<T>(
  findings: Findings,
  source: string | null,
  fixOf: FixOf,
  step: () => Promise<T>,
): Promise<T | null> {
  return findings.attempt(source, fixOf, async () => {
    try {
      return await step();
    } catch (error) {
      throw error instanceof Error ? bare(error) : error;
    }
  });
}

/** Without the statements that the port adds: here they are the fix. */
export function bare(error: Error): SnowmeltError {
  const known =
    error instanceof SnowmeltError ? error : new SnowmeltError('UNEXPECTED', error.message, { cause: error });
  const { cause } = known;
  return cause instanceof SnowmeltError && cause.code === known.code ? cause : known;
}
