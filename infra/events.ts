/** From "this partition has work" to an invocation of publish: a bus of our own and one rule. */
import { EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Construct } from 'constructs';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { MAX_EVENT_AGE, type Worker } from './functions.ts';

export function eventBus(scope: Construct, config: ResolvedConfig): EventBus {
  return new EventBus(scope, 'Bus', { eventBusName: config.aws.bus });
}

/** The event's detail is `{source, partition}`. */
export function publishOnEvents(scope: Construct, config: ResolvedConfig, bus: EventBus, publish: Worker): Rule {
  return new Rule(scope, 'PublishRule', {
    eventBus: bus,
    eventPattern: { source: [`snowmelt.${config.app}`], detailType: ['publish'] },
    targets: [
      new LambdaFunction(publish.fn, {
        deadLetterQueue: publish.failures,
        retryAttempts: 2,
        maxEventAge: MAX_EVENT_AGE,
      }),
    ],
  });
}
