/**
 * The constant pieces of a record's value, made once per window. A value is
 * `before` image `after` image `row` number `tail of the op`, or for `flat` `image` `row` number `tail of the op`.
 */
import type { ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import type { Op } from '../protocol/ports/records.ts';
import { rangeOf, type Layout, type Window } from '../protocol/window.ts';

/** Of `source.version`; a test holds it equal to package.json's. */
export const connectorVersion = '0.1.0';

export type Pieces = {
  /** Before the first image, and between two. */
  before: Buffer;
  after: Buffer;
  /** From the last image to the row's number. */
  toRow: Record<Op, Buffer>;
  tail: Record<Op, Buffer>;
  edges: Edges | null;
};

/** In place of `toRow` at the first and the last row of a snapshot's range. */
export type Edges<Piece = Buffer> = { first: Piece; last: Piece; rows: number };

const ops: readonly Op[] = ['c', 'u', 'd', 'r'];

export type WindowFacts = {
  config: ResolvedConfig;
  source: ResolvedSource;
  window: Window;
  layout: Layout;
  partition: number;
  /** When these records are made, ms since epoch. */
  now: number;
};

/**
 * `source` of the envelope, but for the row. `ts_ms` is the window's end, and `ts_of` says so: Snowflake tells no row's own
 * time of commit where changes are read.
 */
export function sourceFacts(
  { config, source, window, layout, partition }: WindowFacts,
  snapshot: 'true' | 'false' | 'first' | 'last' = window.kind === 'snapshot' ? 'true' : 'false',
): Record<string, string | number> {
  return {
    version: connectorVersion,
    connector: 'snowmelt',
    name: config.app,
    ts_ms: Date.parse(window.to),
    ts_of: 'window',
    snapshot,
    db: layout.object.database,
    schema: layout.object.schema,
    table: layout.object.name,
    source: source.name,
    partition,
    window: window.number,
  };
}

/** The value of a `truncate` window's record; `flat` has no images and marks it as it marks every record. */
export function truncationValue(facts: WindowFacts): string {
  const { window, now } = facts;
  const flat = { __op: 't', __ts_ms: now, __window: window.number, __row: 1 };
  const envelope = { before: null, after: null, source: { ...sourceFacts(facts), row: 1 }, op: 't', ts_ms: now };
  return JSON.stringify(facts.source.format.envelope === 'flat' ? flat : envelope);
}

/** Of a snapshot, `source.snapshot` of each partition's first and last record says so; null elsewhere. */
export function edgesOf(
  { window, partition }: WindowFacts,
  piece: (snapshot: 'first' | 'last') => Buffer,
): Edges | null {
  const rows = window.kind === 'snapshot' ? rangeOf(window, partition)?.rows : undefined;
  return rows === undefined ? null : { first: piece('first'), last: piece('last'), rows };
}

export function atEdge<Piece>(edges: Edges<Piece>, row: number, otherwise: Piece): Piece {
  return row === edges.rows ? edges.last : row === 1 ? edges.first : otherwise;
}

/** Debezium's envelope: `before`, `after`, `source`, `op`, `ts_ms`. */
export function debeziumPieces(facts: WindowFacts): Pieces {
  const { now } = facts;
  const piece = (source: object) => Buffer.from(`,"source":${JSON.stringify(source).slice(0, -1)},"row":`);
  const toRow = piece(sourceFacts(facts));
  return {
    edges: edgesOf(facts, (snapshot) => piece(sourceFacts(facts, snapshot))),
    before: Buffer.from('{"before":'),
    after: Buffer.from(',"after":'),
    toRow: perOp(() => toRow),
    tail: perOp((op) => Buffer.from(`},"op":"${op}","ts_ms":${now}}`)),
  };
}

/** The same pieces under a schema block. */
export function under(block: Buffer, { before, after, toRow, tail, edges }: Pieces): Pieces {
  return {
    edges,
    before: Buffer.concat([block, before]),
    after,
    toRow,
    tail: perOp((op) => Buffer.concat([tail[op], Buffer.from('}')])),
  };
}

/** Names that `flat` adds to a row's own columns. */
export const flatNames = ['__op', '__ts_ms', '__window', '__row', '__deleted'] as const;

/** The row's columns with a few more; a delete carries the row as it was. The image's closing brace is left out by the encoder. */
export function flatPieces({ window, now }: WindowFacts): Pieces {
  return {
    edges: null,
    before: Buffer.alloc(0),
    after: Buffer.alloc(0),
    toRow: perOp((op) => Buffer.from(`,"__op":"${op}","__ts_ms":${now},"__window":${window.number},"__row":`)),
    tail: perOp((op) => Buffer.from(op === 'd' ? ',"__deleted":true}' : '}')),
  };
}

/** One constant piece for each op. */
export function perOp<Piece>(make: (op: Op) => Piece): Record<Op, Piece> {
  return Object.fromEntries(ops.map((op) => [op, make(op)])) as Record<Op, Piece>;
}
