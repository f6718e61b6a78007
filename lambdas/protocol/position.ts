/**
 * How far a partition is: `row` rows of its range in `window` are done. `(N, rows)` is past window N; it is never
 * written as `(N + 1, 0)`. Positions only grow. Nobody else knows the encoding: `window << 32 | row`, which is also the
 * offset of the marker in Kafka, so 2^31 windows of 2^32 rows.
 */
export type Position = { readonly window: number; readonly row: number };

const MAX_WINDOW = 2 ** 31 - 1;
/** No window has more. */
export const LAST_ROW = 2 ** 32 - 1;

/** @throws RangeError when a part is out of bounds or not canonical. */
export function position(window: number, row: number): Position {
  if (!Number.isInteger(window) || window < 1 || window > MAX_WINDOW) throw new RangeError(`window ${window}`);
  if (!Number.isInteger(row) || row < 1 || row > LAST_ROW) throw new RangeError(`row ${row}`);
  return { window, row };
}

/** None (`null`) is below everything. */
export function comparePositions(a: Position | null, b: Position | null): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return a.window - b.window || a.row - b.row;
}

export function maxPosition(a: Position | null, b: Position | null): Position | null {
  return comparePositions(a, b) >= 0 ? a : b;
}

/** The position as the decimal text of its 64-bit form: Kafka's offset, DynamoDB's number. */
export function formatPosition(p: Position): string {
  return ((BigInt(p.window) << 32n) | BigInt(p.row)).toString();
}

/** @throws RangeError when the text is not a position that `formatPosition` wrote. */
export function parsePosition(text: string): Position {
  if (!/^[1-9][0-9]{0,18}$/.test(text)) throw new RangeError(`position ${text}`);
  const bits = BigInt(text);
  return position(Number(bits >> 32n), Number(bits & 0xffffffffn));
}
