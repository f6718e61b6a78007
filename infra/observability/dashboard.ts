/** One dashboard: is it fresh, what stands in the way, what does it do, what does it cost. */
import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type Alarm,
  type IMetric,
  type IWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import type { MetricName } from '../../lambdas/aws/metrics.ts';
import type { Worker } from '../functions.ts';
import { byCode, bySource, throttles, total } from './metrics.ts';

const FIVE_MINUTES = Duration.minutes(5);

export function dashboard(scope: Construct, app: string, alarms: Alarm[], workers: Worker[]): void {
  const worst = (metric: MetricName, statistic: 'MAX' | 'MIN' = 'MAX') => bySource(app, metric, statistic);
  const counts = (...metrics: MetricName[]) => metrics.map((metric) => bySource(app, metric, 'SUM', FIVE_MINUTES));
  const functions = workers.map(({ fn }) => fn);
  const rows: IWidget[][] = [
    [new AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 3 })],
    [
      graph('Freshness (s), worst first', [worst('FreshnessSeconds')]),
      graph('Freshness, % of the objective', [worst('FreshnessPercent')]),
      graph('Snapshots, % published', [worst('SnapshotPercent', 'MIN')]),
    ],
    [
      graph('Needs an operator; stalled (s)', [worst('NeedsOperator')], [worst('StalledSeconds')]),
      graph(
        'Hours of Time Travel left; of results',
        [total(app, 'HistoryHeadroom', 'Minimum')],
        [total(app, 'ResultHeadroom', 'Minimum')],
      ),
      graph('Errors by code', [byCode(app)]),
    ],
    [
      graph('Rows', counts('Rows')),
      graph('Windows; transactions', counts('Windows'), counts('Transactions')),
      graph('Bytes read', counts('ReadBytes')),
    ],
    [
      graph('Warehouse: statements; seconds', counts('WarehouseStatements'), counts('WarehouseSeconds')),
      graph('Reopens; leases contended', counts('Reopens'), counts('LeaseContended')),
      graph('Roll-forwards; replays', counts('RollForwards'), counts('Replays')),
    ],
    [
      graph('Late windows; repaired rows; dead letters', counts('LateWindows', 'DeadLetters'), counts('RepairedRows')),
      graph('Budget used, %; begun anew', [total(app, 'BudgetPercent', 'Maximum')], counts('BegunAnew')),
      graph('Ticks; not started', [total(app, 'Ticks', 'Sum')], [total(app, 'NotStarted', 'Maximum')]),
    ],
    [
      graph(
        'Invocations; throttles',
        functions.map((fn) => fn.metricInvocations({ period: FIVE_MINUTES })),
        [throttles(functions)],
      ),
    ],
  ];
  new Dashboard(scope, 'Dashboard', { dashboardName: `snowmelt-${app}`, widgets: rows });
}

function graph(title: string, left: IMetric[], right: IMetric[] = []): IWidget {
  return new GraphWidget({ title, left, right, width: 8, height: 6 });
}
