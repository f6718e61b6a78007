/** CloudWatch's part, as far as the template's alarms use it: metrics by the minute in, the state of each alarm out. */
import type { Metric } from '../../local/aws/emf.ts';
import type { Template } from '../../infra/synthesize.ts';

type Stat = { Namespace: string; MetricName: string; Dimensions?: { Name: string; Value: unknown }[] };
type Query = { Id: string; Expression?: string; MetricStat?: { Metric: Stat; Period: number; Stat: string } };
type Properties = Partial<Stat> & {
  Metrics?: Query[];
  Statistic?: string;
  Period?: number;
  ComparisonOperator: string;
  Threshold: number;
  EvaluationPeriods: number;
  TreatMissingData: string;
};
/** By the start of the period (minute). */
type Series = Map<number, number>;

/** Sample: a metric's values in one minute. */
export type Sample = Pick<Metric, 'namespace' | 'name' | 'values'> & { minute: number; dimensions: string };

/** Resources stand for their names: `{ Ref: id }` and the attributes of `id` alike. */
export function dimensionsOf(dimensions: { Name: string; Value: unknown }[]): string {
  const name = (value: unknown) => {
    if (typeof value === 'string') return value;
    const { Ref, 'Fn::GetAtt': attribute } = value as { Ref?: string; 'Fn::GetAtt'?: string[] };
    return Ref ?? attribute![0]!;
  };
  return dimensions
    .map(({ Name, Value }) => `${Name}=${name(Value)}`)
    .sort()
    .join();
}

/** The metrics of one replay, and what the alarms of any template make of them. */
export class Evaluator {
  /** By namespace and name, then by dimensions. */
  readonly #metrics = new Map<string, Map<string, Sample[]>>();
  /** A period that is over does not change any more: what an alarm looks at is put together once. */
  readonly #looked = new WeakMap<Properties, { period: number; series: Series[] }>();

  add(sample: Sample): void {
    const metric = `${sample.namespace} ${sample.name}`;
    const all = this.#metrics.get(metric) ?? new Map<string, Sample[]>();
    const samples = all.get(sample.dimensions) ?? [];
    samples.push(sample);
    this.#metrics.set(metric, all.set(sample.dimensions, samples));
  }

  /** Logical ids of the alarms that are in ALARM once the minute is over; the composite's id if it is. All is added before. */
  inAlarm(template: Template, minute: number): string[] {
    const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm')
      .filter(([, properties]) => this.#breaches(properties as Properties, minute))
      .map(([id]) => id);
    const composites = resourcesOf(template, 'AWS::CloudWatch::CompositeAlarm')
      .filter(([, { AlarmRule }]) => alarms.some((id) => JSON.stringify(AlarmRule).includes(`"${id}"`)))
      .map(([id]) => id);
    return [...alarms, ...composites];
  }

  #breaches(alarm: Properties, minute: number): boolean {
    const { period, series: all } = this.#look(alarm);
    const last = Math.floor((minute + 1) / period) - 1;
    if (last < 0) return false;
    return all.some((series) =>
      Array.from({ length: alarm.EvaluationPeriods }, (_, i) => last - i).every((at) => {
        const value = series.get(at);
        if (value === undefined || at < 0) return at >= 0 && alarm.TreatMissingData === 'breaching';
        return compare(value, alarm.ComparisonOperator, alarm.Threshold);
      }),
    );
  }

  #look(alarm: Properties): { period: number; series: Series[] } {
    const looked = this.#looked.get(alarm);
    if (looked !== undefined) return looked;
    const period = (alarm.Period ?? alarm.Metrics!.find(({ MetricStat }) => MetricStat)?.MetricStat?.Period ?? 60) / 60;
    const found = this.#series(alarm, period);
    const look = { period, series: found.length === 0 ? [new Map<number, number>()] : found };
    this.#looked.set(alarm, look);
    return look;
  }

  #series(alarm: Properties, period: number): Series[] {
    if (alarm.Metrics === undefined) {
      const { Namespace, MetricName, Dimensions, Statistic } = alarm;
      return [
        this.#stat({ Namespace: Namespace!, MetricName: MetricName!, Dimensions: Dimensions! }, Statistic!, period),
      ];
    }
    const { Expression } = alarm.Metrics.find((query) => query.Expression !== undefined)!;
    if (Expression === 'SUM(METRICS())') {
      const parts = alarm.Metrics.flatMap(({ MetricStat }) =>
        MetricStat === undefined ? [] : [this.#stat(MetricStat.Metric, MetricStat.Stat, period)],
      );
      const sum: Series = new Map();
      for (const [at, value] of parts.flatMap((part) => [...part])) sum.set(at, (sum.get(at) ?? 0) + value);
      return [sum];
    }
    return this.#select(Expression!, period);
  }

  #stat({ Namespace, MetricName, Dimensions }: Stat, statistic: string, period: number): Series {
    const samples = this.#metrics.get(`${Namespace} ${MetricName}`)?.get(dimensionsOf(Dimensions ?? [])) ?? [];
    return aggregate(samples, statistic, period);
  }

  /** `SELECT MAX(m) FROM SCHEMA(ns, service, source) WHERE service = 'app' GROUP BY source ...` */
  #select(query: string, period: number): Series[] {
    const parts =
      /^SELECT (\w+)\((\w+)\) FROM SCHEMA\((\w+), service, source\) WHERE service = '([\w-]+)' GROUP BY source/;
    const [, statistic, metric, namespace, service] = parts.exec(query)!;
    const groups = [...(this.#metrics.get(`${namespace} ${metric}`) ?? [])].filter(([dimensions]) =>
      dimensions.startsWith(`service=${service},source=`),
    );
    return groups.map(([, samples]) => aggregate(samples, statistic!, period));
  }
}

function resourcesOf(template: Template, type: string): [string, Record<string, unknown>][] {
  return Object.entries(template.Resources).flatMap(([id, { Type, Properties }]) =>
    Type === type ? [[id, Properties] as [string, Record<string, unknown>]] : [],
  );
}

const STATISTICS: Record<string, (values: number[]) => number> = {
  sum: (values) => values.reduce((a, b) => a + b, 0),
  maximum: (values) => Math.max(...values),
  minimum: (values) => Math.min(...values),
};

function aggregate(samples: Sample[], statistic: string, period: number): Series {
  const name = statistic.toLowerCase().replace(/^max$/, 'maximum').replace(/^min$/, 'minimum');
  const periods = Map.groupBy(samples, ({ minute }) => Math.floor(minute / period));
  const of = STATISTICS[name]!;
  return new Map([...periods].map(([at, grouped]) => [at, of(grouped.flatMap(({ values }) => values))]));
}

function compare(value: number, operator: string, threshold: number): boolean {
  switch (operator) {
    case 'GreaterThanThreshold':
      return value > threshold;
    case 'GreaterThanOrEqualToThreshold':
      return value >= threshold;
    case 'LessThanThreshold':
      return value < threshold;
    default:
      throw new Error(`the alarms use ${operator}, which is not evaluated here`);
  }
}
