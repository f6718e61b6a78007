/** What the next deployment does to a source, told from its newest layout in the table. Pure. */
import { recut, type SourcePlan } from '../lambdas/protocol/begin.ts';
import { newestLayout } from '../lambdas/protocol/past.ts';
import type { SourceState } from '../lambdas/protocol/ports/state.ts';
import type { Layout } from '../lambdas/protocol/window.ts';

type Field = ReturnType<typeof recut>[number];

/** After these what was published before is not what would be published now. */
const REPUBLISHED = new Set<Field>(['key', 'keyFormat', 'topic', 'shape']);

/** Nothing where the source goes on as it is. */
export function editOf(state: SourceState | null, source: SourcePlan): string[] {
  const { name, query, stream, snapshot, onHistoryLost = 'stop' } = source;
  const newest = state === null ? null : newestLayout(state.layouts);
  if (newest === null) {
    return [snapshot?.mode === 'never' ? 'new: begins with changes alone' : 'new: begins with what there is'];
  }
  const fields = recut(newest, source);
  if (fields.length === 0) return [];
  const changes = fields.map((field) => changeOf(field, newest, source)).join('; ');
  const lines = [`new layout: ${changes}`, 'what was read before it is published first, by every partition'];
  if (fields.includes('object') && query === undefined && stream === undefined) {
    lines.push(`another table has another history: HISTORY_LOST, and then onHistoryLost: ${onHistoryLost}`);
  }
  if (fields.some((field) => REPUBLISHED.has(field))) {
    lines.push(`what was published before stays as it is: npx snowmelt replay ${name} --snapshot`);
  }
  if (newest.topic === source.topic && newest.topicPartitions !== source.topicPartitions) {
    lines.push('the topic must have that many partitions by then; keys may move between them');
  }
  if (newest.topic === source.topic && fields.includes('keyFormat')) {
    lines.push('the same key is other bytes from then on: a compacted topic keeps what has the old ones');
  }
  return lines;
}

function changeOf(field: Field, was: Layout, is: SourcePlan): string {
  switch (field) {
    case 'object':
      return `${nameOf(was)} -> ${nameOf(is)}`;
    case 'key':
      return `key ${was.key.join(', ')} -> ${is.key.join(', ')}`;
    case 'keyFormat':
      return `format of keys ${was.keyFormat} -> ${is.keyFormat}`;
    case 'shape':
      return 'columns, where, mask or skip';
    case 'query':
      return 'query';
    case 'stream':
      return 'stream';
    case 'information':
      return `changes ${was.information} -> ${is.information}`;
    case 'topicPartitions':
      return `partitions of the topic ${was.topicPartitions} -> ${is.topicPartitions}`;
    case 'partitions':
    case 'topic':
      return `${field} ${was[field]} -> ${is[field]}`;
  }
}

function nameOf({ object: { database, schema, name } }: Pick<Layout, 'object'>): string {
  return `${database}.${schema}.${name}`;
}
