/**
 * Logs (JSON) and metrics (EMF) on stdout, where Lambda's log group takes them: no call to CloudWatch. `source` is a
 * dimension, `partition` a log field only: a metric per partition is what makes bills grow.
 */
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { SnowmeltError } from '../errors.ts';
import type { Telemetry } from '../protocol/ports/effects.ts';
import { METRICS, NAMESPACE, type MetricName, type Unit } from './metrics.ts';

export type InvocationTelemetry = Telemetry & {
  /** Counts for the deployment as a whole. */
  total(metric: MetricName, value: number): void;
  /** Prints the metrics since the last flush: one EMF line per source, one per error code, one in all. */
  flush(): void;
};

type Values = Map<string, number[]>;

/** `request`: id of the invocation, in every log line. */
export function createTelemetry(app: string, fn: string, request?: string): InvocationTelemetry {
  const logger = new Logger({ serviceName: `${app}-${fn}` });
  if (request !== undefined) logger.appendKeys({ request });
  const sources = new Map<string, Values>();
  const codes = new Map<string, Values>();
  const totals: Values = new Map();
  return {
    info: (message, fields) => logger.info(message, { ...fields }),
    error(error, fields) {
      const told = error instanceof SnowmeltError ? { code: error.code, action: error.action } : {};
      logger.error(error.message, { ...told, ...fields, stack: error.stack ?? '' });
      add(of(codes, error instanceof SnowmeltError ? error.code : 'UNEXPECTED'), 'Errors', 1);
    },
    count: (metric, value, { source }) => add(of(sources, source), metric, value),
    gauge(metric, value, { source, quiet }) {
      totals.set(metric, [...(totals.get(metric) ?? []), value]);
      if (!quiet) of(sources, source).set(metric, [value]);
    },
    total: (metric, value) => add(totals, metric, value),
    flush() {
      for (const [source, values] of sources) print(app, { source }, values);
      for (const [code, values] of codes) print(app, { code }, values);
      print(app, {}, totals);
      for (const printed of [sources, codes, totals]) printed.clear();
    },
  };
}

function of(all: Map<string, Values>, name: string): Values {
  const values = all.get(name) ?? new Map<string, number[]>();
  all.set(name, values);
  return values;
}

function add(values: Values, metric: string, value: number): void {
  values.set(metric, [(values.get(metric)?.[0] ?? 0) + value]);
}

function print(app: string, dimensions: Record<string, string>, all: Values): void {
  const metrics = new Metrics({ namespace: NAMESPACE, serviceName: app, defaultDimensions: dimensions });
  for (const [metric, values] of all) {
    const known = (METRICS as Record<string, { unit: Unit }>)[metric];
    for (const value of values) metrics.addMetric(metric, known?.unit ?? 'Count', value);
  }
  if (all.size > 0) metrics.publishStoredMetrics();
}
