/**
 * Settings that contradict each other. Each check sees the parts that are valid on their own (the others are absent), so that
 * one bad value does not hide the rest.
 */
import { deadLetters, ownDeadLetters } from './dead-letters.ts';
import { formatDuration } from './durations.ts';
import { patterns } from './pattern-checks.ts';
import { shapes } from './shape-checks.ts';
import type { Path } from './problems.ts';
import type { Config } from './schema.ts';

type DeepPartial<T> = T extends unknown[]
  ? T
  : T extends object
    ? { [K in keyof T]?: DeepPartial<T[K]> | undefined }
    : T;
export type Parts = DeepPartial<Config>;

export type Finding = { path: Path; message: string };

/** One CloudFormation stack takes 500 resources, and each distinct `every` is one. */
const MAX_SCHEDULES = 400;

/** What is polled faster than that: the plan of a longer interval would have to run all through it. */
export const POLLED = 'rate(1 minute)';

/** So is each topic that the stack makes, and each size of publish is six; the rest of the stack needs some sixty. */
const MAX_TOPICS = 440;
const MAX_SIZES = 4;

export function contradictions(parts: Parts): Finding[] {
  return [
    ...topics(parts),
    ...toldTopics(parts),
    ...snapshots(parts),
    ...clocks(parts),
    ...brokers(parts),
    ...keys(parts),
    ...shapes(parts),
    ...staging(parts),
    ...schedules(parts),
    ...registries(parts),
    ...madeTopics(parts),
    ...patterns(parts),
  ];
}

/** The topic that positions are committed by. */
export function controlTopicOf({ app, kafka }: Parts): string | null {
  return kafka?.controlTopic ?? (app === undefined ? null : `${app}.control`);
}

/** Settings that sources have by themselves or by their pattern, and where they stand. */
type Placed = [Path, NonNullable<Parts['defaults']>];

export function placed({ sources, patterns }: Parts): Placed[] {
  const of = (group: string, all: Record<string, Placed[1] | undefined> = {}) =>
    Object.entries(all).flatMap(([name, settings]): Placed[] => (settings ? [[[group, name], settings]] : []));
  return [...of('sources', sources), ...of('patterns', patterns)];
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

const TOLD = { schemaTopic: 'schema changes', progressTopic: 'progress', deadLetterTopic: 'dead letters' } as const;

/** Records of schema changes may share a topic with each other, but with nothing else; so may those of the other two. */
function* toldTopics(parts: Parts): Iterable<Finding> {
  const { sources, defaults } = parts;
  const taken = new Map(Object.entries(sources ?? {}).map(([name, source]) => [source?.topic?.name, `source ${name}`]));
  taken.set(controlTopicOf(parts) ?? undefined, 'the control topic');
  const places: [Path, Parts['defaults']][] = [[['defaults'], defaults], ...placed(parts)];
  for (const setting of Object.keys(TOLD) as (keyof typeof TOLD)[]) {
    const counts = new Map<string, number>();
    for (const [path, of] of places) {
      const topic = of?.[setting];
      if (topic?.name === undefined || topic.partitions === undefined) continue;
      const at = [...path, setting];
      const owner = taken.get(topic.name);
      if (owner !== undefined)
        yield { path: [...at, 'name'], message: `\`${topic.name}\` is already the topic of ${owner}` };
      const count = counts.get(topic.name) ?? topic.partitions;
      if (count !== topic.partitions)
        yield { path: [...at, 'partitions'], message: `is ${count} elsewhere for this topic` };
      counts.set(topic.name, count);
    }
    for (const name of counts.keys()) taken.set(name, TOLD[setting]);
  }
  yield* deadLetters(parts, taken);
}

function* snapshots(parts: Parts): Iterable<Finding> {
  const { defaults } = parts;
  for (const [path, settings] of placed(parts)) {
    const snapshot = settings.snapshot ?? defaults?.snapshot;
    const never = snapshot === 'never' || (typeof snapshot === 'object' && snapshot.mode === 'never');
    const lost = settings.onHistoryLost ?? defaults?.onHistoryLost;
    if (!never || lost !== 'resnapshot') continue;
    yield { path: [...path, 'onHistoryLost'], message: 'resnapshot contradicts `snapshot: never`' };
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

function* brokers({ kafka, aws }: Parts): Iterable<Finding> {
  const method = kafka?.auth?.method;
  if (kafka?.tls === false && (method === 'iam' || method === 'mtls')) {
    yield { path: ['kafka', 'tls'], message: `must be true with the method ${method}` };
  }
  if (kafka?.tls === false && kafka.ca !== undefined)
    yield { path: ['kafka', 'ca'], message: 'is not used without tls' };
  if (method === 'iam' && aws !== undefined && aws.cluster === undefined) {
    yield { path: ['kafka', 'auth', 'method'], message: 'iam needs `aws.cluster`, the cluster that may be used' };
  }
  yield* doubled(kafka?.brokers ?? [], ['kafka', 'brokers']);
}

function* keys({ sources }: Parts): Iterable<Finding> {
  for (const [name, source] of Object.entries(sources ?? {}))
    yield* doubled(source?.key ?? [], ['sources', name, 'key']);
}

export function* doubled(list: string[], path: Path): Iterable<Finding> {
  for (const [index, item] of list.entries()) {
    if (list.indexOf(item) < index) yield { path: [...path, index], message: `\`${item}\` is listed twice` };
  }
}

function* staging(parts: Parts): Iterable<Finding> {
  const { sources, snowflake, defaults } = parts;
  if (snowflake === undefined || snowflake.staging !== undefined) return;
  const staged = Object.values(sources ?? {}).some((source) => source?.query ?? source?.preset ?? source?.stream);
  if (staged)
    yield { path: ['snowflake', 'staging'], message: 'is required where a source has a `query`, `preset` or `stream`' };
  const copied = placed(parts).some(([, settings]) => settings.snapshotCopy === 'always');
  if (copied || defaults?.snapshotCopy === 'always')
    yield { path: ['snowflake', 'staging'], message: 'is required for `snapshotCopy: always`' };
}

function* registries(parts: Parts): Iterable<Finding> {
  const { registry, defaults } = parts;
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
    ...placed(parts).map(([path, { format }]) => [path, format] as const),
  ] as const;
  for (const [path, format] of formats) {
    for (const key of ['type', 'key'] as const) {
      const wants = format?.[key];
      if (wants !== 'avro' && wants !== 'protobuf') continue;
      yield { path: [...path, 'format', key], message: `${wants} needs a \`registry\`` };
    }
  }
}

function* schedules(parts: Parts): Iterable<Finding> {
  const { defaults } = parts;
  const all = placed(parts).map(([, settings]) => settings);
  for (const [path, { pollEvery, every }] of placed(parts)) {
    if (pollEvery === undefined || (every ?? defaults?.every ?? POLLED) === POLLED) continue;
    yield { path: [...path, 'pollEvery'], message: 'needs `every: 1m`' };
  }
  const sizes = new Set(all.map(({ memory }) => memory ?? defaults?.memory));
  if (sizes.size > MAX_SIZES)
    yield { path: ['sources'], message: `have ${sizes.size} different \`memory\`; at most ${MAX_SIZES} are useful` };
  const distinct = new Set(all.map(({ every }) => every ?? defaults?.every));
  if (distinct.size > MAX_SCHEDULES) {
    yield {
      path: ['sources'],
      message: `have ${distinct.size} different \`every\`; at most ${MAX_SCHEDULES} fit in a stack`,
    };
  }
}

function* madeTopics(parts: Parts): Iterable<Finding> {
  const { aws, sources, defaults } = parts;
  if (aws?.topics === undefined) return;
  const path = ['aws', 'topics'];
  if (aws.cluster === undefined)
    yield { path, message: 'needs `aws.cluster`, the cluster that the topics are made in' };
  if (atLeast(aws.topics.minInsync, (aws.topics.replication ?? 0) + 1))
    yield { path: [...path, 'minInsync'], message: 'must not be greater than `replication`' };
  const all = Object.values(sources ?? {});
  const schedules = new Set(placed(parts).map(([, { every }]) => every ?? defaults?.every)).size;
  const letters = ownDeadLetters({ sources, defaults }).length;
  if (all.length + letters + schedules > MAX_TOPICS) {
    const message = `${all.length} sources and ${schedules} different \`every\` don't fit in one stack with their topics (${MAX_TOPICS}); make the topics yourself`;
    yield { path, message };
  }
}
