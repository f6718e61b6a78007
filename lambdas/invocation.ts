/** What a handler takes from Lambda's context. */
import { asSnowmeltError } from './errors.ts';
import type { Clock, Telemetry } from './protocol/ports.ts';

export type LambdaContext = { awsRequestId: string; getRemainingTimeInMillis(): number };

export function clockOf(context: LambdaContext): Clock {
  return { now: () => Date.now(), remainingMs: () => context.getRemainingTimeInMillis() };
}

/** Runs a handler's work; what ends it is told with its code and what to do, then thrown on: the invocation has failed. */
export async function told<T>(telemetry: Telemetry & { flush(): void }, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failure = asSnowmeltError(error);
    telemetry.error(failure);
    throw failure;
  } finally {
    telemetry.flush();
  }
}
