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
import { ENTRIES, type EntryId } from './entries.ts';

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
  const alarms = Object.entries(specs).map(([id, spec]) => {
    const { urgency, says } = ENTRIES[id as EntryId];
    const alarm = new Alarm(scope, `${id}Alarm`, {
      alarmName: name(id),
      alarmDescription: `${says} docs/runbook.md, ${id}.`,
      metric: spec.metric,
      comparisonOperator: spec.comparison,
      threshold: spec.threshold,
      evaluationPeriods: spec.periods,
      treatMissingData: spec.missing,
    });
    if (urgency === 'ticket' && ticket !== undefined) {
      alarm.addAlarmAction(new SnsAction(Topic.fromTopicArn(scope, `${id}Ticket`, ticket)));
    }
    return { urgency, alarm };
  });
  const urgent = alarms.filter(({ urgency }) => urgency === 'page');
  const pager = new CompositeAlarm(scope, 'Pager', {
    compositeAlarmName: name('Pager'),
    alarmDescription: `Snowmelt ${app} needs somebody now: the alarm behind this one says why. docs/runbook.md.`,
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
