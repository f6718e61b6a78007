/** What `patterns` must not say, and what of it contradicts the rest of the file. */
import { doubled, type Finding, type Parts } from './checks.ts';
import { foldTopic, topicPrefix } from './patterns.ts';

type Pattern = NonNullable<NonNullable<Parts['patterns']>[string]>;

export function* patterns(parts: Parts): Iterable<Finding> {
  const all = Object.entries(parts.patterns ?? {}).flatMap(([name, pattern]): [string, Pattern][] =>
    pattern === undefined ? [] : [[name, pattern]],
  );
  const { sources, snowflake, defaults } = parts;
  if (sources !== undefined && Object.keys({ ...sources, ...parts.patterns }).length === 0)
    yield { path: ['sources'], message: 'must have at least one source, or `patterns` a pattern' };
  const prefixes = new Map<string, string>();
  for (const [name, pattern] of all) {
    const path = ['patterns', name];
    const { tables, key, topic } = pattern;
    if (sources !== undefined && name in sources) yield { path, message: 'is also the name of a source' };
    if (Array.isArray(key)) yield* doubled(key, [...path, 'key']);
    const { database, schema } = snowflake?.staging ?? {};
    if (tables !== undefined && tables.database === database && tables.schema === schema)
      yield { path: [...path, 'tables'], message: 'is the schema of `snowflake.staging`, whose tables are copies' };
    const delivery = pattern.delivery ?? defaults?.delivery;
    if (topic?.compact === true && delivery === 'at-least-once')
      yield {
        path: [...path, 'topic', 'compact'],
        message: 'contradicts `delivery: at-least-once`: an older row may be kept',
      };
    if (topic?.minInsync !== undefined && topic.minInsync > (topic.replication ?? Infinity))
      yield { path: [...path, 'topic', 'minInsync'], message: 'must not be greater than `replication`' };
    if (topic?.name === undefined || tables?.database === undefined || tables.schema === undefined) continue;
    const prefix = topicPrefix(topic.name, { database: tables.database, schema: tables.schema });
    yield* named([...path, 'topic', 'name'], name, prefix, prefixes);
  }
}

/** Where one name begins as all of another pattern do, two tables may meet in one topic. */
function* named(path: string[], name: string, prefix: string, others: Map<string, string>): Iterable<Finding> {
  if (!/^[a-zA-Z0-9._-]+$/.test(prefix)) {
    yield { path, message: `makes \`${prefix}\`, and a topic's name is letters, digits, \`.\`, \`_\` or \`-\`` };
    return;
  }
  const folded = foldTopic(prefix);
  const other = [...others].find(([known]) => known.startsWith(folded) || folded.startsWith(known));
  if (other === undefined) others.set(folded, name);
  else yield { path, message: `begins like the topics of pattern ${other[1]}; give each a beginning of its own` };
}
