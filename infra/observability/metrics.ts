/** What the alarms and the dashboard look at. */
import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { NAMESPACE, type MetricName } from '../../lambdas/aws/metrics.ts';

export type Statistic = 'Sum' | 'Maximum' | 'Minimum';

const MINUTE = Duration.minutes(1);

/** Of the deployment as a whole. */
export function total(app: string, metricName: MetricName, statistic: Statistic, period = MINUTE): Metric {
  return new Metric({ namespace: NAMESPACE, metricName, dimensionsMap: { service: app }, statistic, period });
}

/** Of each source, the worst first: one query whatever their number. */
export function bySource(app: string, metric: MetricName, statistic: 'MAX' | 'SUM' | 'MIN', period = MINUTE): IMetric {
  const order = statistic === 'MIN' ? 'ASC' : 'DESC';
  return new MathExpression({
    expression: `SELECT ${statistic}(${metric}) FROM SCHEMA(${NAMESPACE}, service, source) WHERE service = '${app}' GROUP BY source ORDER BY ${statistic}() ${order}`,
    usingMetrics: {},
    period,
    label: '',
  });
}

/** Of each error code. */
export function byCode(app: string): IMetric {
  return new MathExpression({
    expression: `SELECT SUM(Errors) FROM SCHEMA(${NAMESPACE}, code, service) WHERE service = '${app}' GROUP BY code ORDER BY SUM() DESC`,
    usingMetrics: {},
    period: Duration.minutes(5),
    label: '',
  });
}

/** Invocations that Lambda refused, of all the functions together. */
export function throttles(functions: Function[]): IMetric {
  return sum(functions.map((fn) => fn.metricThrottles({ statistic: 'Sum', period: MINUTE })));
}

/** Ticks and events that came to nothing, as they arrive in the queues. */
export function undelivered(queues: Queue[]): IMetric {
  return sum(queues.map((queue) => queue.metricNumberOfMessagesSent({ statistic: 'Sum', period: MINUTE })));
}

/** What lies in the queues. */
export function kept(queues: Queue[]): IMetric {
  const metric = (queue: Queue) =>
    queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum', period: Duration.minutes(5) });
  return sum(queues.map(metric), Duration.minutes(5));
}

function sum(metrics: IMetric[], period = MINUTE): IMetric {
  const usingMetrics = Object.fromEntries(metrics.map((metric, i) => [`m${i}`, metric]));
  return new MathExpression({ expression: 'SUM(METRICS())', usingMetrics, period });
}
