/** From "this partition has work" to an invocation of publish: a bus of our own and a rule for each size of publish. */
import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Construct } from 'constructs';
import { allSettings } from '../lambdas/config/patterns.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { MAX_EVENT_AGE, type Worker } from './functions.ts';

export function eventBus(scope: Construct, config: ResolvedConfig): EventBus {
  return new EventBus(scope, 'Bus', { eventBusName: config.aws.bus });
}

/** The event's detail is `{source, partition}`; its type names the size where that is not the usual one. */
export function publishOnEvents(
  scope: Construct,
  config: ResolvedConfig,
  bus: EventBus,
  publish: Worker,
  memory?: number,
): Rule {
  return new Rule(scope, `PublishRule${memory ?? ''}`, {
    eventBus: bus,
    eventPattern: {
      source: [`snowmelt.${config.app}`],
      detailType: [memory === undefined ? 'publish' : `publish-${memory}`],
    },
    targets: [
      new LambdaFunction(publish.fn, {
        deadLetterQueue: publish.failures,
        retryAttempts: 2,
        maxEventAge: MAX_EVENT_AGE,
      }),
    ],
  });
}

/** Sizes that sources ask for, but the usual one. */
export function sizesOf(config: ResolvedConfig): number[] {
  const sizes = new Set(allSettings(config).flatMap(({ memory }) => (memory === null ? [] : [memory])));
  return [...sizes].sort((a, b) => a - b);
}
