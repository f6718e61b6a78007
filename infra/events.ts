/**
 * From "this partition has work" to an invocation of publish: a bus of our own and a rule for each size of publish. And what
 * people are told, by a rule to the topic that they name.
 */
import { EventBus, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { LambdaFunction, SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { allSettings } from '../lambdas/config/patterns.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { MAX_EVENT_AGE, type Worker } from './functions.ts';
import { allow } from './permissions.ts';
import { acknowledge } from './rules.ts';
import { keyStatements } from './statements.ts';

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

/** The message is the event's detail. A role publishes it, so the topic needs no policy of its own for that. */
export function tellOnEvents(
  scope: Construct,
  config: ResolvedConfig,
  bus: EventBus,
  arn: string,
  failures: Queue,
  key: IKey | null,
): Rule {
  const role = new Role(scope, 'NotificationsRole', { assumedBy: new ServicePrincipal('events.amazonaws.com') });
  for (const statement of keyStatements(key?.keyArn ?? null)) role.addToPolicy(allow(statement));
  const rule = new Rule(scope, 'NotificationsRule', {
    eventBus: bus,
    eventPattern: { source: [`snowmelt.${config.app}`], detailType: ['notification'] },
    targets: [
      new SnsTopic(Topic.fromTopicArn(scope, 'NotificationsTopic', arn), {
        role,
        message: RuleTargetInput.fromEventPath('$.detail'),
        deadLetterQueue: failures,
      }),
    ],
  });
  acknowledge(
    rule,
    'The stack is synthesized for no account; the topic is of the one that its ARN names.',
    'Annotation::@aws-cdk/aws-events:ruleUnresolvedEnvironment',
  );
  return rule;
}

/** Sizes that sources ask for, but the usual one. */
export function sizesOf(config: ResolvedConfig): number[] {
  const sizes = new Set(allSettings(config).flatMap(({ memory }) => (memory === null ? [] : [memory])));
  return [...sizes].sort((a, b) => a - b);
}
