/** What is asked of the oracle for a source, and what came of it. */
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import type { Kind, Verdict } from '../../test/oracle/check.ts';
import type { Feed } from './feeds.ts';
import { askOracle } from './oracle.ts';
import type { Stack } from './stack.ts';

export type SourceResult = { source: string; capture: string; format: string; windows: number } & Verdict;

/** A source with less has shown nothing. */
export const ENOUGH_RECORDS = 1_000;

/** The four defects of one source, its records and its deletes. */
export function judge(
  { config, brokers }: Pick<Stack, 'config' | 'brokers'>,
  source: ResolvedSource,
  { columns, rows, writer }: Feed,
  report: (what: string) => void,
): Promise<Verdict> {
  const { name, topic, key, format } = source;
  return askOracle(
    {
      brokers,
      topic,
      key,
      tombstones: format.tombstones,
      kind: kindOf(source),
      stream: source.stream !== undefined,
      columns,
      added: key.some((one) => !columns.some((column) => column.name === one)) ? key : [],
      format,
      registry: config.registry?.type === 'confluent' ? config.registry.url : null,
      progress: source.progressTopic?.name ?? null,
      checkpoints: config.table,
      source: name,
      rows,
      ledger: writer.ledger.path,
      lastCommit: String(writer.lastCommit),
    },
    report,
  );
}

export function kindOf({ query, information }: ResolvedSource): Kind {
  if (query === undefined) return information === 'DEFAULT' ? 'changes' : 'append-only';
  return query.mode === 'bulk' ? 'bulk' : 'log';
}

export function captureOf({ query, stream, information, object }: ResolvedSource): string {
  if (stream !== undefined) {
    const kind = stream.managed ? 'managed stream' : 'stream';
    return information === 'DEFAULT' ? kind : `${kind}: append-only`;
  }
  if (query === undefined) return information === 'DEFAULT' ? 'changes' : 'changes: append-only';
  return / FROM SNOWFLAKE\./.test(query.text) ? `preset of ${object.name}` : `query: ${query.mode}`;
}

/** Why a source's verdict proves nothing; null: it does. */
export function shortcoming(source: ResolvedSource, { records, deletes }: Verdict): string | null {
  if (records < ENOUGH_RECORDS) return `only ${records} records came`;
  const kind = kindOf(source);
  return deletes === 0 && (kind === 'changes' || kind === 'bulk') ? 'no delete came' : null;
}
