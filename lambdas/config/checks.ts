/**
 * Settings that contradict each other. Each check sees the parts that are valid on their own (the others are absent), so that
 * one bad value does not hide the rest.
 */
import { formatDuration } from './durations.ts';
import type { Path } from './problems.ts';
import type { Config } from './schema.ts';

type DeepPartial<T> = T extends unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> | undefined }
    : T;
export type Parts = DeepPartial<Config>;

type Finding = { path: Path; message: string };

/** One CloudFormation stack takes 500 resources, and each distinct `every` is one. */
const MAX_SCHEDULES = 400;

export function contradictions(parts: Parts): Finding[] {
  return [
    ...topics(parts),
    ...clocks(parts),
    ...brokers(parts),
    ...keys(parts),
    ...schedules(parts),
    ...registries(parts),
  ];
}

/** The topic that positions are committed by. */
export function controlTopicOf({ app, kafka }: Parts): string | null {
  return kafka?.controlTopic ?? (app === undefined ? null : `${app}.control`);
}

function* topics(parts: Parts): Iterable<Finding> {
  const owners = new Map<string, string>();
  const control = controlTopicOf(parts);
  for (const [name, source] of Object.entries(parts.sources ?? {})) {
    const topic = source?.topic?.name;
    if (topic === undefined) continue;
    const path = ['sources', name, 'topic', 'name'];
    const owner = owners.get(topic);
    if (topic === control) yield { path, message: `\`${topic}\` is the control topic (kafka.controlTopic)` };
    else if (owner !== undefined) yield { path, message: `\`${topic}\` is already the topic of source ${owner}` };
    else owners.set(topic, name);
  }
}

function* clocks({ clocks, kafka }: Parts): Iterable<Finding> {
  if (atLeast(clocks?.margin, clocks?.safetyLag)) {
    yield {
      path: ['clocks', 'margin'],
      message: `must be less than safetyLag (${formatDuration(clocks!.safetyLag!)})`,
    };
  }
  const timeout = kafka?.transactionTimeout;
  if (timeout === undefined) return;
  if (atLeast(kafka?.requestTimeout, timeout)) {
    yield {
      path: ['kafka', 'requestTimeout'],
      message: `must be less than transactionTimeout (${formatDuration(timeout)})`,
    };
  }
}

/** False as long as one of the two is missing. */
function atLeast(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a >= b;
}

function* brokers({ kafka }: Parts): Iterable<Finding> {
  yield* doubled(kafka?.brokers ?? [], ['kafka', 'brokers']);
}

function* keys({ sources }: Parts): Iterable<Finding> {
  for (const [name, source] of Object.entries(sources ?? {}))
    yield* doubled(source?.key ?? [], ['sources', name, 'key']);
}

function* doubled(list: string[], path: Path): Iterable<Finding> {
  for (const [index, item] of list.entries()) {
    if (list.indexOf(item) < index) yield { path: [...path, index], message: `\`${item}\` is listed twice` };
  }
}

function* registries({ registry, sources, defaults }: Parts): Iterable<Finding> {
  const { type, url, auth, name, region, endpoint } = registry ?? {};
  if (type === 'confluent') {
    if (url === undefined) yield { path: ['registry', 'url'], message: 'is required for a confluent registry' };
    for (const [key, value] of Object.entries({ name, region, endpoint })) {
      if (value !== undefined) yield { path: ['registry', key], message: 'belongs to a glue registry' };
    }
  }
  if (type === 'glue') {
    for (const [key, value] of Object.entries({ url, auth })) {
      if (value !== undefined) yield { path: ['registry', key], message: 'belongs to a confluent registry' };
    }
  }
  if (auth?.method === 'basic') {
    if (auth.secret === undefined)
      yield { path: ['registry', 'auth', 'secret'], message: 'is required for this method' };
    if (url?.startsWith('http:') === true && !/^http:\/\/(127\.0\.0\.1|localhost)[:/]/.test(`${url}/`)) {
      yield { path: ['registry', 'url'], message: 'must be https, or the password is sent in the open' };
    }
  } else if (auth?.secret !== undefined) {
    yield { path: ['registry', 'auth', 'secret'], message: 'is not used without sign-in' };
  }
  if (registry !== undefined) return;
  const formats = [
    [['defaults'], defaults?.format],
    ...Object.entries(sources ?? {}).map(([name, source]) => [['sources', name], source?.format] as const),
  ] as const;
  for (const [path, format] of formats) {
    for (const key of ['type', 'key'] as const) {
      const wants = format?.[key];
      if (wants !== 'avro' && wants !== 'protobuf') continue;
      yield { path: [...path, 'format', key], message: `${wants} needs a \`registry\`` };
    }
  }
}

function* schedules({ sources, defaults }: Parts): Iterable<Finding> {
  const distinct = new Set(Object.values(sources ?? {}).map((source) => source?.every ?? defaults?.every));
  if (distinct.size > MAX_SCHEDULES) {
    yield {
      path: ['sources'],
      message: `have ${distinct.size} different \`every\`; at most ${MAX_SCHEDULES} fit in a stack`,
    };
  }
}
