/**
 * The alarms: few, each a symptom that somebody has to act on, each naming its entry in docs/runbook.md. What heals by
 * itself (a rolling restart of brokers, minutes without Snowflake, a throttled minute) must not wake anybody, so nothing here
 * counts errors.
 */
import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, TreatMissingData, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { EntryId } from './entries.ts';
import { bySource, kept, throttles, total, undelivered } from './metrics.ts';

export type AlarmSpec = {
  metric: IMetric;
  comparison: ComparisonOperator;
  threshold: number;
  /** Periods in a row. */
  periods: number;
  missing: TreatMissingData;
};

const ABOVE = ComparisonOperator.GREATER_THAN_THRESHOLD;
const AT_LEAST = ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD;
const BELOW = ComparisonOperator.LESS_THAN_THRESHOLD;
const { BREACHING, NOT_BREACHING } = TreatMissingData;
const FIVE_MINUTES = Duration.minutes(5);

export function alarmSpecs(app: string, functions: Function[], queues: Queue[]): Record<EntryId, AlarmSpec> {
  const page = { periods: 2, missing: NOT_BREACHING };
  const ticket = { periods: 12, missing: NOT_BREACHING };
  return {
    Ticks: {
      ...page,
      metric: total(app, 'Ticks', 'Sum'),
      comparison: BELOW,
      threshold: 1,
      missing: BREACHING,
    },
    Freshness: { ...page, metric: bySource(app, 'FreshnessPercent', 'MAX'), comparison: ABOVE, threshold: 100 },
    NeedsOperator: {
      ...page,
      metric: total(app, 'NeedsOperator', 'Maximum'),
      comparison: AT_LEAST,
      threshold: 1,
      periods: 1,
    },
    Stalled: { ...page, metric: total(app, 'StalledSeconds', 'Maximum'), comparison: ABOVE, threshold: 600 },
    HistoryRunsOut: {
      ...page,
      metric: total(app, 'HistoryHeadroomPercent', 'Minimum'),
      comparison: BELOW,
      threshold: 25,
    },
    Throttled: { ...page, metric: throttles(functions), comparison: AT_LEAST, threshold: 1, periods: 5 },
    Undelivered: { ...page, metric: undelivered(queues), comparison: AT_LEAST, threshold: 1, periods: 5 },
    HistoryShrinks: {
      ...ticket,
      metric: total(app, 'HistoryHeadroomPercent', 'Minimum', FIVE_MINUTES),
      comparison: BELOW,
      threshold: 50,
    },
    ResultExpires: {
      ...ticket,
      metric: total(app, 'ResultHeadroom', 'Minimum', FIVE_MINUTES),
      comparison: BELOW,
      threshold: 6,
    },
    NotStarted: {
      ...ticket,
      metric: total(app, 'NotStarted', 'Maximum', FIVE_MINUTES),
      comparison: AT_LEAST,
      threshold: 1,
    },
    DeadLetters: {
      ...ticket,
      metric: total(app, 'DeadLettersWaiting', 'Maximum', FIVE_MINUTES),
      comparison: AT_LEAST,
      threshold: 1,
      periods: 1,
    },
    BudgetSpent: {
      ...ticket,
      metric: total(app, 'BudgetPercent', 'Maximum', FIVE_MINUTES),
      comparison: AT_LEAST,
      threshold: 100,
      periods: 1,
    },
    Kept: { ...ticket, metric: kept(queues), comparison: AT_LEAST, threshold: 1, periods: 3 },
  };
}
