/** What a handler takes from Lambda's context. */
import type { Clock } from './protocol/ports.ts';

export type LambdaContext = { awsRequestId: string; getRemainingTimeInMillis(): number };

export function clockOf(context: LambdaContext): Clock {
  return { now: () => Date.now(), remainingMs: () => context.getRemainingTimeInMillis() };
}
