/**
 * The record of a row that can't be sent: JSON, whatever the format of the source's own records, with every cell as the text
 * that left Snowflake. So it holds what the row's record would have held and no more: a mask was put around that text there.
 */
import type { BadRow, PlainRecord } from '../protocol/ports/records.ts';
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { WindowFacts } from './envelope.ts';
import { keyCells } from './image.ts';

type Image = Record<string, string | null>;

/** At most `bytes` of key and value: an image that is too large is left out, and so is, after it, a key. */
export function deadLetterRecord(facts: WindowFacts, bad: BadRow, bytes: number): PlainRecord {
  const { config, source, window, layout, partition, now } = facts;
  const { code, message, op, before, beforeRow, after, afterRow, row } = bad;
  const all = [...window.columns.keys()];
  const image = (cells: readonly number[], batch: RowBatch | null, at: number): Image | null =>
    batch === null
      ? null
      : Object.fromEntries(cells.map((cell) => [window.columns[cell]!.name, textOf(batch, at, cell)]));
  const known = {
    type: 'DEAD_LETTER',
    app: config.app,
    source: source.name,
    topic: layout.topic,
    window: window.number,
    kind: window.kind,
    from: window.from,
    to: window.to,
    partition,
    row,
    op,
    reason: code,
    message,
  };
  const key = image(keyCells(window.columns, layout.key), after ?? before, after === null ? beforeRow : afterRow);
  const whole = { key, before: image(all, before, beforeRow), after: image(all, after, afterRow), truncated: false };
  const nothing = { before: null, after: null, truncated: true };
  // Also where only the last row of each key is kept, every letter stays.
  const name = json({ app: config.app, source: source.name, window: window.number, partition, row });
  const fitting = [whole, { key, ...nothing }]
    .map((parts) => json({ ...known, ...parts, ts_ms: now }))
    .find((value) => name.length + value.length <= bytes);
  return { key: name, value: fitting ?? json({ ...known, key: null, ...nothing, ts_ms: now }) };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

const decoder = new TextDecoder();

/** As it was read; what is no JSON string stays with its escapes. */
function textOf({ bytes, offsets, width }: RowBatch, row: number, cell: number): string | null {
  const at = 2 * (row * width + cell);
  const start = offsets[at]!;
  if (start < 0) return null;
  const text = decoder.decode(bytes.subarray(start, offsets[at + 1]));
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
