/** What a handler takes from Lambda's context. */
import { asSnowmeltError } from './errors.ts';
import type { Clock, Telemetry } from './protocol/ports/effects.ts';

export type LambdaContext = { awsRequestId: string; getRemainingTimeInMillis(): number };

/** `limitMs`: the invocation is to end after this long, though Lambda would give it more. */
export function clockOf(context: LambdaContext, limitMs = Infinity): Clock {
  const end = Date.now() + limitMs;
  return {
    now: () => Date.now(),
    remainingMs: () => Math.min(context.getRemainingTimeInMillis(), end - Date.now()),
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  };
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
