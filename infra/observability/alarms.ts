/**
 * The alarms: few, each a symptom that somebody has to act on, each naming its entry in docs/operations.md. What heals by
 * itself (a rolling restart of brokers, minutes without Snowflake, a throttled minute) must not wake anybody, so nothing here
 * counts errors.
 */
import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, TreatMissingData, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { bySource, kept, throttles, total, undelivered } from './metrics.ts';

export type AlarmSpec = {
  /** Also its entry in docs/operations.md. */
  id: string;
  /** Wakes somebody, or waits for the day. */
  urgency: 'page' | 'ticket';
  metric: IMetric;
  comparison: ComparisonOperator;
  threshold: number;
  /** Periods in a row. */
  periods: number;
  missing: TreatMissingData;
  says: string;
};

const ABOVE = ComparisonOperator.GREATER_THAN_THRESHOLD;
const AT_LEAST = ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD;
const BELOW = ComparisonOperator.LESS_THAN_THRESHOLD;
const { BREACHING, NOT_BREACHING } = TreatMissingData;
const FIVE_MINUTES = Duration.minutes(5);

export function alarmSpecs(app: string, functions: Function[], queues: Queue[]): AlarmSpec[] {
  const page = { urgency: 'page' as const, periods: 2, missing: NOT_BREACHING };
  const ticket = { urgency: 'ticket' as const, periods: 12, missing: NOT_BREACHING };
  return [
    {
      ...page,
      id: 'Ticks',
      metric: total(app, 'Ticks', 'Sum'),
      comparison: BELOW,
      threshold: 1,
      missing: BREACHING,
      says: 'No tick came to its end for two minutes: the scheduler does not call plan, or plan fails (its secret, its role, Lambda throttles). Nothing is planned; nothing is lost as long as Time Travel lasts.',
    },
    {
      ...page,
      id: 'Freshness',
      metric: bySource(app, 'FreshnessPercent', 'MAX'),
      comparison: ABOVE,
      threshold: 100,
      says: 'What consumers of a source see is older than its objective `freshness`.',
    },
    {
      ...page,
      id: 'NeedsOperator',
      metric: total(app, 'NeedsOperator', 'Maximum'),
      comparison: AT_LEAST,
      threshold: 1,
      periods: 1,
      says: 'A partition, or the planning of a source, stopped and goes on only after somebody did something: the log names the error code and the way out.',
    },
    {
      ...page,
      id: 'Stalled',
      metric: total(app, 'StalledSeconds', 'Maximum'),
      comparison: ABOVE,
      threshold: 600,
      says: 'A partition has rows to send and has sent none for ten minutes.',
    },
    {
      ...page,
      id: 'HistoryRunsOut',
      metric: total(app, 'HistoryHeadroomPercent', 'Minimum'),
      comparison: BELOW,
      threshold: 25,
      says: 'Less than a quarter of Time Travel is left before changes that were not read yet are lost: under 6 hours with a retention of one day. The metric HistoryHeadroom tells the hours.',
    },
    {
      ...page,
      id: 'Throttled',
      metric: throttles(functions),
      comparison: AT_LEAST,
      threshold: 1,
      periods: 5,
      says: 'Lambda has refused invocations in each of five minutes: the concurrency of the account, or `aws.publishers`, is used up.',
    },
    {
      ...page,
      id: 'Undelivered',
      metric: undelivered(queues),
      comparison: AT_LEAST,
      threshold: 1,
      periods: 5,
      says: 'In each of five minutes ticks or events came to nothing and went to a failure queue: its messages tell why.',
    },
    {
      ...ticket,
      id: 'HistoryShrinks',
      metric: total(app, 'HistoryHeadroomPercent', 'Minimum', FIVE_MINUTES),
      comparison: BELOW,
      threshold: 50,
      says: 'For an hour less than half of Time Travel has been left before changes that were not read yet are lost: under 12 hours with a retention of one day. The metric HistoryHeadroom tells the hours.',
    },
    {
      ...ticket,
      id: 'ResultExpires',
      metric: total(app, 'ResultHeadroom', 'Minimum', FIVE_MINUTES),
      comparison: BELOW,
      threshold: 6,
      says: 'A window has waited for its partitions so long that its result expires in less than 6 hours; after that it is read again, out of Time Travel.',
    },
    {
      ...ticket,
      id: 'NotStarted',
      metric: total(app, 'NotStarted', 'Maximum', FIVE_MINUTES),
      comparison: AT_LEAST,
      threshold: 1,
      says: 'For an hour nothing could be read of a source that was configured: the log of plan tells why.',
    },
    {
      ...ticket,
      id: 'Kept',
      metric: kept(queues),
      comparison: AT_LEAST,
      threshold: 1,
      periods: 3,
      says: 'Messages lie in a failure queue. Read them, then purge the queue: nothing is redriven, every tick calls again who was not served.',
    },
  ];
}
