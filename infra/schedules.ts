/**
 * One schedule per distinct `every`, one each minute for unfinished work, one each hour for late commits. A schedule's input
 * names its `every` alone: plan looks its sources up in the layer, so the template does not grow with the sources, and a
 * source that changes its `every` touches nothing else here.
 */
import { createHash } from 'node:crypto';
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { PolicyDocument, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { CfnSchedule, CfnScheduleGroup } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';
import { allSettings } from '../lambdas/config/patterns.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { intervalOf } from '../lambdas/config/schedule.ts';
import { MAX_TICK_AGE, type Worker } from './functions.ts';
import { allow } from './permissions.ts';
import { keyStatements } from './statements.ts';

export function schedules(
  scope: Construct,
  config: ResolvedConfig,
  plan: Worker,
  recount: Worker,
  key: IKey | null,
): void {
  const group = new CfnScheduleGroup(scope, 'Schedules', { name: `snowmelt-${config.app}` });
  const role = schedulerRole(scope, group.name!, [plan, recount], key);
  const tick = (id: string, worker: Worker, scheduleExpression: string, input: object) => {
    const schedule = new CfnSchedule(scope, id, {
      groupName: group.name,
      scheduleExpression,
      flexibleTimeWindow: flexibleWindow(scheduleExpression),
      target: {
        arn: worker.fn.functionArn,
        roleArn: role.roleArn,
        input: JSON.stringify(input),
        retryPolicy: { maximumRetryAttempts: 0, maximumEventAgeInSeconds: MAX_TICK_AGE.toSeconds() },
        deadLetterConfig: { arn: worker.failures.queueArn },
      },
    });
    schedule.addResourceDependency(group);
  };
  tick('Unfinished', plan, 'rate(1 minute)', { tick: 'unfinished' });
  tick('LateCommits', recount, 'rate(1 hour)', {});
  for (const every of distinctSchedules(config)) tick(scheduleId(every), plan, every, { every });
}

export function distinctSchedules(config: ResolvedConfig): string[] {
  return [...new Set(allSettings(config).map(({ every }) => every))].sort();
}

/** Follows from the expression alone: another source's schedule never changes its id. */
export function scheduleId(every: string): string {
  return `Every${createHash('sha256').update(every).digest('hex').slice(0, 12)}`;
}

const FLEXIBLE_FROM_MS = 5 * 60_000;
const MOST_FLEXIBLE_MINUTES = 15;

/** Spreads what would all be due at the same minute; nobody who waits minutes anyway minds. */
function flexibleWindow(expression: string): CfnSchedule.FlexibleTimeWindowProperty {
  const interval = intervalOf(expression);
  if (interval === null || interval < FLEXIBLE_FROM_MS) return { mode: 'OFF' };
  const third = Math.floor(interval / 3 / 60_000);
  return { mode: 'FLEXIBLE', maximumWindowInMinutes: Math.min(MOST_FLEXIBLE_MINUTES, third) };
}

function schedulerRole(scope: Construct, group: string, workers: Worker[], key: IKey | null): Role {
  const stack = Stack.of(scope);
  const groupArn = stack.formatArn({
    service: 'scheduler',
    resource: 'schedule-group',
    resourceName: group,
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
  });
  return new Role(scope, 'SchedulerRole', {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': stack.account, 'aws:SourceArn': groupArn } },
    }),
    inlinePolicies: {
      tick: new PolicyDocument({
        statements: [
          { actions: ['lambda:InvokeFunction'], resources: workers.map(({ fn }) => fn.functionArn) },
          { actions: ['sqs:SendMessage'], resources: workers.map(({ failures }) => failures.queueArn) },
          ...keyStatements(key?.keyArn ?? null),
        ].map(allow),
      }),
    },
  });
}
