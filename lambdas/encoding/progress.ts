/** The record that tells the end of a window for a partition: JSON, whatever the format of the source's own records. */
import type { PlainRecord } from '../protocol/ports/records.ts';
import { rangeOf } from '../protocol/window.ts';
import type { WindowFacts } from './envelope.ts';

/**
 * `partitions`: those that have rows in the window; it is complete when each of them has told its end. `dead`: how many of the
 * partition's rows are dead letters.
 */
export function progressRecord(
  { config, source, window, partition, now }: Omit<WindowFacts, 'layout'>,
  dead: number,
): PlainRecord {
  const value = {
    type: 'END',
    app: config.app,
    source: source.name,
    topic: source.topic,
    window: window.number,
    kind: window.kind,
    from: window.from,
    to: window.to,
    partition,
    rows: rangeOf(window, partition)?.rows ?? 0,
    dead_letters: dead,
    partitions: window.ranges.map((range) => range.partition),
    total_rows: window.totalRows,
    ts_ms: now,
  };
  const json = (part: unknown) => Buffer.from(JSON.stringify(part));
  return { key: json({ app: config.app, source: source.name, partition }), value: json(value) };
}
