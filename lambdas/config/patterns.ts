/** Sources by pattern: which tables of a schema they are, what their topics are called, and what each is as a source. */
import type { ResolvedConfig, ResolvedPattern, ResolvedSource, SharedSettings } from './resolved.ts';

type SchemaName = ResolvedPattern['schema'];

export const TOPIC_NAME = /^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/;
const PLACEHOLDER = /\{(\w*)\}/g;
const KNOWN = ['database', 'schema', 'table'];

/** What is wrong with a template, or null. */
export function templateProblem(template: string): string | null {
  const names = [...template.matchAll(PLACEHOLDER)].map(([, name]) => name!);
  const strange = names.find((name) => !KNOWN.includes(name) && !KNOWN.includes(name.toLowerCase()));
  const mixed = names.find((name) => name !== name.toLowerCase() && name !== name.toUpperCase());
  if (strange !== undefined || mixed !== undefined)
    return `\`{${strange ?? mixed}}\` is unknown; known are {database}, {schema}, {table}, and in upper case as stored`;
  if (!/^[a-zA-Z0-9._-]*$/.test(template.replaceAll(PLACEHOLDER, '')))
    return 'must be letters, digits, `.`, `_` or `-` around {database}, {schema} and {table}';
  if (!names.some((name) => name.toLowerCase() === 'table')) return 'must have {table}: each table has its own topic';
  return /^\{table\}/i.test(template) ? 'must begin with something that all topics have in common' : null;
}

/** How the names of all topics begin: what the functions may write to, and make. */
export function topicPrefix(template: string, schema: SchemaName): string {
  return expand(template.slice(0, template.search(/\{table\}/i)), schema, '');
}

/** Whether a topic can be called so. */
export function isTopicName(name: string): boolean {
  return TOPIC_NAME.test(name);
}

/** Kafka takes names for the same that differ in `.` and `_` alone: its metrics do. */
export function foldTopic(topic: string): string {
  return topic.replaceAll('.', '_');
}

/** What the table's topic is called; it may be no name of a topic. */
export function topicOf({ topic, schema }: ResolvedPattern, table: string): string {
  return expand(topic, schema, table);
}

function expand(template: string, { database, schema }: SchemaName, table: string): string {
  const parts: Record<string, string> = { database, schema, table };
  return template.replaceAll(PLACEHOLDER, (_, name: string) => {
    const part = parts[name.toLowerCase()]!;
    return name === name.toLowerCase() ? part.toLowerCase() : part;
  });
}

/** Whether a table of the schema is one of the pattern's. */
export function picks({ include, exclude }: Pick<ResolvedPattern, 'include' | 'exclude'>, table: string): boolean {
  const is = (glob: string) => globRegex(glob).test(table);
  return (include === null || include.some(is)) && !exclude.some(is);
}

function globRegex(glob: string): RegExp {
  const source = glob.replaceAll(/\*+|[^*]/gs, (part) =>
    part.startsWith('*') ? '.*' : part === '?' ? '.' : part.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&'),
  );
  return new RegExp(`^${source}$`, 'su');
}

/** Of what is known of a table: its source. `key` is its own where the pattern has none. */
export function memberSource(
  pattern: ResolvedPattern,
  member: { table: string; key: string[]; topic: string },
): ResolvedSource {
  return {
    ...pattern.source,
    name: memberName(pattern.name, member.table),
    object: { ...pattern.schema, name: member.table },
    key: pattern.key ?? member.key,
    topic: member.topic,
  };
}

export function memberName(pattern: string, table: string): string {
  return `${pattern}.${table}`;
}

/** The pattern that a source's name is of, and the table; null: it is one of the file's own. */
export function patternOf(
  { patterns = [] }: Pick<ResolvedConfig, 'patterns'>,
  source: string,
): { pattern: ResolvedPattern; table: string } | null {
  const dot = source.indexOf('.');
  const pattern = patterns.find(({ name }) => dot > 0 && name === source.slice(0, dot));
  return pattern === undefined ? null : { pattern, table: source.slice(dot + 1) };
}

/** What there is of settings: those of each source, and those that the sources of a pattern share. */
export function allSettings({
  sources,
  patterns = [],
}: Pick<ResolvedConfig, 'sources' | 'patterns'>): SharedSettings[] {
  return [...sources, ...patterns.map(({ source }) => source)];
}

/** As many sources as there may be. */
export function mostSources({
  sources,
  patterns = [],
}: Pick<ResolvedConfig, 'sources' | 'patterns'>): SharedSettings[] {
  return [...sources, ...patterns.flatMap(({ source, maxTables }) => Array.from({ length: maxTables }, () => source))];
}

/** Topics that the file names, folded, and whose they are: no table of a pattern can have them. */
export function takenTopics(config: Pick<ResolvedConfig, 'kafka' | 'sources' | 'patterns'>): Map<string, string> {
  const told = allSettings(config).flatMap(({ schemaTopic, progressTopic, deadLetterTopic }) => [
    schemaTopic,
    progressTopic,
    deadLetterTopic,
  ]);
  return new Map<string, string>([
    [foldTopic(config.kafka.controlTopic), 'the control topic'],
    ...told.flatMap((topic): [string, string][] =>
      topic ? [[foldTopic(topic.name), 'schema changes, progress or dead letters']] : [],
    ),
    ...config.sources.map(({ name, topic }): [string, string] => [foldTopic(topic), `source ${name}`]),
  ]);
}
