/** What a source reads: a table, a query or a preset, and which settings belong to which. */
import { parseDuration } from './durations.ts';
import type { Path } from './problems.ts';
import { preset, presetQuery } from './presets.ts';
import type { ResolvedQuery } from './resolved.ts';
import type { SourceConfig } from './schema.ts';

type Found = { path: Path; message: string };

const KINDS = ['table', 'query', 'preset'] as const;

const TABLE_ALONE = [
  'changes',
  'columns',
  'where',
  'mask',
  'skip',
  'snapshot',
  'onHistoryLost',
  'schemaTopic',
] as const satisfies readonly (keyof SourceConfig)[];

/** Settings of a source that don't go together. */
export function* captureProblems(source: Partial<SourceConfig>): Iterable<Found> {
  const [kind, ...others] = KINDS.filter((each) => source[each] !== undefined);
  if (kind === undefined) {
    yield { path: ['table'], message: 'is required, or `query`, or `preset`' };
    return;
  }
  for (const other of others) yield { path: [other], message: `has no place beside \`${kind}\`` };
  const refuse = function* (names: readonly (keyof SourceConfig)[], why: string): Iterable<Found> {
    for (const name of names) if (source[name] !== undefined) yield { path: [name], message: why };
  };
  if (kind !== 'preset' && source.key === undefined) yield { path: ['key'], message: 'is required' };
  if (kind === 'table') {
    yield* refuse(['mode', 'cursor', 'lag', 'watch'], 'is for `query` and `preset` alone');
    return;
  }
  yield* refuse(TABLE_ALONE, 'is for `table` alone; a query says in SQL what it takes');
  if (kind === 'preset') yield* refuse(['mode', 'watch'], 'is for `query` alone; a preset is read by time');
  const mode = modeOf(source);
  if (mode === 'bulk') {
    yield* refuse(['cursor', 'lag'], 'is for mode incrementing or timestamp; mode bulk reads the query whole');
  } else if (kind === 'query' && source.cursor === undefined) {
    yield { path: ['cursor'], message: `is required for mode ${mode}` };
  }
  const { lag } = source;
  if (lag === undefined || mode === 'bulk') return;
  if (mode === 'timestamp' && !('ms' in lag))
    yield { path: ['lag'], message: 'must be a duration for mode timestamp, such as `10m`' };
  if (mode === 'incrementing' && !('count' in lag))
    yield { path: ['lag'], message: 'must be a whole number for mode incrementing' };
}

/** The query of a source that has one; null for a table. */
export function queryOf(source: SourceConfig): ResolvedQuery | null {
  const { lag, watch = [] } = source;
  const back = lag === undefined ? null : 'ms' in lag ? lag.ms : lag.count;
  const mode = modeOf(source);
  if (source.query !== undefined) {
    return { text: source.query, mode, cursor: source.cursor ?? null, lag: back ?? 0, watch };
  }
  if (source.preset === undefined) return null;
  const known = preset(source.preset);
  const cursor = source.cursor ?? known.cursor;
  return { text: presetQuery(known), mode, cursor, lag: back ?? parseDuration(known.lag)!, watch };
}

export function keyOf(source: SourceConfig): string[] {
  return source.key ?? [...preset(source.preset!).key];
}

function modeOf(source: Partial<SourceConfig>): ResolvedQuery['mode'] {
  return source.preset === undefined ? (source.mode ?? 'bulk') : 'timestamp';
}
