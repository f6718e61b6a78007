/** The sources that there are: those of the file, and the tables that its patterns have found. */
import { SnowmeltError } from './errors.ts';
import { foldTopic, isTopicName, memberSource, patternOf, picks, takenTopics, topicOf } from './config/patterns.ts';
import type { ResolvedConfig, ResolvedPattern, ResolvedSource } from './config/resolved.ts';
import type { PatternPlan } from './protocol/discover.ts';
import type { Members } from './protocol/ports/checkpoints.ts';
import type { Member } from './protocol/ports/state.ts';

/** `gone`: its table is not there any more; what was read of it is still published. */
export type KnownSource = { source: ResolvedSource; gone: boolean };

/** `failed` is told of a pattern whose members can't be read; without it the error is thrown. */
export async function knownSources(
  config: ResolvedConfig,
  members: Members,
  failed?: (pattern: string, error: unknown) => void,
): Promise<KnownSource[]> {
  const taken = takenTopics(config);
  const found = await Promise.all(
    (config.patterns ?? []).map(async (pattern) => {
      try {
        const all = await members.all(pattern.name);
        return all.flatMap((member) => known(pattern, member, taken) ?? []);
      } catch (error) {
        if (failed === undefined) throw error;
        failed(pattern.name, error);
        return [];
      }
    }),
  );
  return [...config.sources.map((source) => ({ source, gone: false })), ...found.flat()];
}

/** A member whose topic the file has given to another since, or whose key is not known yet, is none. */
function known(pattern: ResolvedPattern, member: Member, taken: ReadonlyMap<string, string>): KnownSource | null {
  if (taken.has(foldTopic(member.topic)) || (pattern.key ?? member.key).length === 0) return null;
  return { source: memberSource(pattern, member), gone: member.goneAt !== null };
}

/** @throws SOURCE_UNKNOWN */
export async function findSource(config: ResolvedConfig, members: Members, name: string): Promise<ResolvedSource> {
  const own = config.sources.find((candidate) => candidate.name === name);
  if (own !== undefined) return own;
  const of = patternOf(config, name);
  const member = of === null ? null : await members.one(of.pattern.name, of.table);
  const source = of !== null && member !== null ? known(of.pattern, member, takenTopics(config)) : null;
  if (source !== null) return source.source;
  const isPattern = config.patterns?.some((pattern) => pattern.name === name) ?? false;
  const why = isPattern
    ? `${name} is a pattern: its sources are ${name}.<table>.`
    : of === null
      ? `The deployed configuration has no source ${name}.`
      : `Pattern ${of.pattern.name} has found no table ${of.table}.`;
  throw new SnowmeltError('SOURCE_UNKNOWN', why);
}

export function patternPlan(config: ResolvedConfig, pattern: ResolvedPattern): PatternPlan {
  const { name, schema, key, maxTables, listMs } = pattern;
  return {
    ...{ name, schema, key, maxTables, listMs },
    deployment: config.deployment,
    picks: (table) => picks(pattern, table),
    topicOf: (table) => topicOf(pattern, table),
    isTopicName,
    fold: foldTopic,
    taken: takenTopics(config),
  };
}
