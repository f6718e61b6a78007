/** What a source reads: a table, a query, a preset or a stream, and which settings belong to which. */
import { parseDuration } from './durations.ts';
import type { Path } from './problems.ts';
import { preset, presetQuery } from './presets.ts';
import type { ResolvedQuery, ResolvedSource, ResolvedStream } from './resolved.ts';
import type { Config, SourceConfig } from './schema.ts';

type Found = { path: Path; message: string };

const KINDS = ['table', 'query', 'preset', 'stream'] as const;

/** What a row of a stream goes by where no key is given. */
export const ROW_ID = 'METADATA$ROW_ID';

const TABLE_ALONE = [
  'changes',
  'columns',
  'where',
  'mask',
  'skip',
  'snapshot',
  'snapshotCopy',
  'onHistoryLost',
  'schemaTopic',
] as const satisfies readonly (keyof SourceConfig)[];

/** Settings of a source that don't go together. */
export function* captureProblems(source: Partial<SourceConfig>): Iterable<Found> {
  const [kind, ...others] = KINDS.filter((each) => source[each] !== undefined);
  if (kind === undefined) {
    yield { path: ['table'], message: 'is required, or `query`, `preset` or `stream`' };
    return;
  }
  for (const other of others) yield { path: [other], message: `has no place beside \`${kind}\`` };
  const refuse = function* (names: readonly (keyof SourceConfig)[], why: string): Iterable<Found> {
    for (const name of names) if (source[name] !== undefined) yield { path: [name], message: why };
  };
  const hasKey = kind === 'preset' || kind === 'stream';
  if (!hasKey && source.key === undefined) yield { path: ['key'], message: 'is required' };
  if (kind === 'table' || kind === 'stream')
    yield* refuse(['mode', 'cursor', 'lag', 'watch'], 'is for `query` and `preset` alone');
  if (kind === 'stream') yield* streamProblems(source, refuse);
  if (kind === 'table' || kind === 'stream') return;
  yield* refuse(TABLE_ALONE, 'is for `table` and `stream` alone; a query says in SQL what it takes');
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

type Refuse = (names: readonly (keyof SourceConfig)[], why: string) => Iterable<Found>;

function* streamProblems({ stream, snapshot }: Partial<SourceConfig>, refuse: Refuse): Iterable<Found> {
  yield* refuse(['schemaTopic', 'snapshotCopy'], 'is for `table` alone');
  if (!('managed' in stream!)) {
    yield* refuse(['snapshot', 'onHistoryLost'], 'is for `table` and managed streams; this one is as you make it');
  } else if (typeof snapshot === 'object') {
    yield { path: ['snapshot', 'from'], message: 'is for `table` alone; a managed stream begins when it is made' };
  }
}

/** The stream of a source that has one, and what it is on. `object`: the table of a managed one, else itself. */
export function streamOf(
  { stream }: SourceConfig,
  { staging }: Config['snowflake'],
): { object: ResolvedStream['staging'] & { name: string }; stream: ResolvedStream } | null {
  if (stream === undefined) return null;
  const managed = 'managed' in stream;
  return { object: managed ? stream.on : stream, stream: { managed, staging: staging! } };
}

/** Where a table's snapshots are copied first; null: nowhere. */
export function copyOf(
  { query, preset, stream, snapshotCopy = 'large' }: Partial<SourceConfig>,
  { staging }: Config['snowflake'],
): NonNullable<ResolvedSource['copy']> | null {
  const isTable = query === undefined && preset === undefined && stream === undefined;
  return isTable && staging && snapshotCopy !== 'never' ? { staging, always: snapshotCopy === 'always' } : null;
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
  if (source.stream !== undefined) return source.key ?? [ROW_ID];
  return source.key ?? [...preset(source.preset!).key];
}

function modeOf(source: Partial<SourceConfig>): ResolvedQuery['mode'] {
  return source.preset === undefined ? (source.mode ?? 'bulk') : 'timestamp';
}
