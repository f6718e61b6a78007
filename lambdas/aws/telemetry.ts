/**
 * Logs (JSON) and metrics (EMF) on stdout, where Lambda's log group takes them: no call to CloudWatch. `source` is a
 * dimension, `partition` a log field only: a metric per partition is what makes bills grow.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { SnowmeltError } from '../errors.ts';
import type { Telemetry } from '../protocol/ports.ts';

export type InvocationTelemetry = Telemetry & {
  /** Prints the metrics counted since the last flush: one EMF line per source. */
  flush(): void;
};

export function createTelemetry(app: string, fn: string): InvocationTelemetry {
  const logger = new Logger({ serviceName: `${app}-${fn}` });
  const counts = new Map<string, Map<string, number>>();
  return {
    info: (message, fields) => logger.info(message, { ...fields }),
    error(error, fields) {
      const told = error instanceof SnowmeltError ? { code: error.code, action: error.action } : {};
      logger.error(error.message, { ...told, ...fields, stack: error.stack ?? '' });
    },
    count(metric, value, { source }) {
      const ofSource = counts.get(source) ?? new Map<string, number>();
      ofSource.set(metric, (ofSource.get(metric) ?? 0) + value);
      counts.set(source, ofSource);
    },
    flush() {
      for (const [source, ofSource] of counts) {
        const metrics = new Metrics({ namespace: 'Snowmelt', serviceName: app, defaultDimensions: { source } });
        for (const [metric, value] of ofSource) metrics.addMetric(metric, MetricUnit.Count, value);
        metrics.publishStoredMetrics();
      }
      counts.clear();
    },
  };
}
