/** What failed of one source, or of a pattern, is told and counted as its own; the others go on. */
import { asSnowmeltError, type SnowmeltError } from '../errors.ts';
import type { Telemetry } from './ports/effects.ts';

export function tellFailure(telemetry: Telemetry, source: string, error: unknown): SnowmeltError {
  const failure = asSnowmeltError(error);
  telemetry.error(failure, { source, code: failure.code });
  telemetry.count('Errors', 1, { source });
  return failure;
}
