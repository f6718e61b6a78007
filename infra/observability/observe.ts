/** Alarms, those that wake somebody behind one composite, and the dashboard. */
import { Alarm, AlarmRule, AlarmState, CompositeAlarm } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Infrastructure } from '../../lambdas/config/load.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import type { Worker } from '../functions.ts';
import { alarmSpecs } from './alarms.ts';
import { dashboard } from './dashboard.ts';

export type Workers = { plan: Worker; recount: Worker; publishers: Worker[]; operate: Worker };

export function observe(scope: Construct, { app }: ResolvedConfig, infrastructure: Infrastructure, all: Workers): void {
  const workers = [all.plan, all.recount, ...all.publishers, all.operate];
  const { page, ticket } = infrastructure.alarms;
  const name = (id: string) => `snowmelt-${app}-${id}`;
  const specs = alarmSpecs(
    app,
    workers.map(({ fn }) => fn),
    workers.map(({ failures }) => failures),
  );
  const alarms = specs.map((spec) => {
    const alarm = new Alarm(scope, `${spec.id}Alarm`, {
      alarmName: name(spec.id),
      alarmDescription: `${spec.says} docs/operations.md, ${spec.id}.`,
      metric: spec.metric,
      comparisonOperator: spec.comparison,
      threshold: spec.threshold,
      evaluationPeriods: spec.periods,
      treatMissingData: spec.missing,
    });
    if (spec.urgency === 'ticket' && ticket !== undefined) {
      alarm.addAlarmAction(new SnsAction(Topic.fromTopicArn(scope, `${spec.id}Ticket`, ticket)));
    }
    return { spec, alarm };
  });
  const urgent = alarms.filter(({ spec }) => spec.urgency === 'page');
  const pager = new CompositeAlarm(scope, 'Pager', {
    compositeAlarmName: name('Pager'),
    alarmDescription: `Snowmelt ${app} needs somebody now: the alarm behind this one says why. docs/operations.md.`,
    alarmRule: AlarmRule.anyOf(...urgent.map(({ alarm }) => AlarmRule.fromAlarm(alarm, AlarmState.ALARM))),
  });
  if (page !== undefined) pager.addAlarmAction(new SnsAction(Topic.fromTopicArn(scope, 'PageTopic', page)));
  dashboard(
    scope,
    app,
    alarms.map(({ alarm }) => alarm),
    workers,
  );
}
