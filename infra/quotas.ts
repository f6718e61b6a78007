/** What MSK lets a cluster with IAM do, and a configuration could ask for: told when it is synthesised, and by `npm run cost`. */
import type { Infrastructure } from '../lambdas/config/load.ts';
import { mostSources } from '../lambdas/config/patterns.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';

/** Of a broker, for clients that sign in with IAM; a t3 takes 4 new ones a second. */
export const CONNECTIONS = { alive: 3_000, newASecond: 100 };

/** Invocations of publish that may run at once; each has a connection to every broker it needs. */
export function publishersAtOnce(config: ResolvedConfig, { publishers = Infinity }: Infrastructure): number {
  const working = mostSources(config).filter(({ paused }) => !paused);
  const all = working.reduce((sum, source) => sum + Math.min(source.partitions, source.publishers ?? Infinity), 0);
  return Math.min(all, publishers);
}

/** What of it is more than a broker takes. */
export function connectionWarnings(config: ResolvedConfig, infrastructure: Infrastructure): string[] {
  if (config.kafka.auth.method !== 'iam') return [];
  const atOnce = publishersAtOnce(config, infrastructure);
  const { alive, newASecond } = CONNECTIONS;
  const most = `up to ${atOnce} invocations of publish at once are more than the`;
  return [
    ...(atOnce > alive
      ? [`${most} ${alive} connections that MSK lets a broker have with IAM: set aws.publishers`]
      : []),
    ...(atOnce > newASecond
      ? [
          `${most} ${newASecond} new connections a second that MSK takes with IAM, when all are due in the same second: set aws.publishers, or publishers of the largest sources`,
        ]
      : []),
  ];
}
