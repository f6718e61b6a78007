/** Every metric: its unit, and what it says. The dashboard, the alarms and docs/operations.md go by this list. */
import type { MetricUnit } from '@aws-lambda-powertools/metrics';

export const NAMESPACE = 'Snowmelt';

export type Unit = (typeof MetricUnit)['Count' | 'Seconds' | 'Bytes' | 'Percent' | 'NoUnit'];

export const METRICS = {
  // Gauges, once a minute for every source (protocol/health.ts)
  FreshnessSeconds: { unit: 'Seconds', says: 'How old what consumers see is, also of an idle source.' },
  FreshnessPercent: { unit: 'Percent', says: 'The same, of the objective `freshness`.' },
  StalledSeconds: { unit: 'Seconds', says: 'How long a partition with rows to send has shown no progress.' },
  NeedsOperator: { unit: 'Count', says: 'Partitions, and the planning of a source, that wait for a person.' },
  NotStarted: {
    unit: 'Count',
    says: 'Sources of which nothing was read yet, and patterns with tables that can not be.',
  },
  HistoryHeadroom: { unit: 'None', says: 'Hours until the oldest change not yet read falls out of Time Travel.' },
  HistoryHeadroomPercent: { unit: 'Percent', says: 'The same, of the retention.' },
  ResultHeadroom: { unit: 'None', says: 'Hours until the result of the oldest unfinished window expires.' },
  SnapshotPercent: { unit: 'Percent', says: 'How much of an unfinished snapshot is published.' },
  DeadLettersWaiting: { unit: 'Count', says: 'Partitions with dead letters that nobody has dealt with.' },
  BudgetPercent: { unit: 'Percent', says: "How much of the day's budget the warehouse has used, where there is one." },
  // Counters
  Ticks: { unit: 'Count', says: 'Ticks of each minute that came to their end.' },
  Rows: { unit: 'Count', says: 'Rows published.' },
  DeadLetters: { unit: 'Count', says: 'Rows that went to the dead letters.' },
  ReadBytes: { unit: 'Bytes', says: 'Bytes of rows read for publishing.' },
  Windows: { unit: 'Count', says: 'Windows written.' },
  Transactions: { unit: 'Count', says: 'Kafka transactions committed.' },
  RollForwards: { unit: 'Count', says: 'Commits found in Kafka that the table had not heard of.' },
  Replays: { unit: 'Count', says: 'Windows that an operator or the recount asked for.' },
  Reopens: { unit: 'Count', says: 'Producers opened again after an error.' },
  LeaseContended: { unit: 'Count', says: 'Invocations that found their partition busy.' },
  BegunAnew: { unit: 'Count', says: 'Sources that lost their history and began anew by themselves.' },
  LateWindows: { unit: 'Count', says: 'Windows in which the recount found late commits.' },
  RepairedRows: { unit: 'Count', says: 'Rows of repairs.' },
  WarehouseStatements: { unit: 'Count', says: 'Statements that ran on the warehouse.' },
  WarehouseSeconds: { unit: 'Seconds', says: 'How long windows were read by it, waiting included.' },
  Errors: { unit: 'Count', says: 'Errors: by source, and by code.' },
} as const satisfies Record<string, { unit: Unit; says: string }>;

export type MetricName = keyof typeof METRICS;
