/** What a row must look like in a record, worked out from the cells without the product's encoder, and a checksum of it. */
import { crc32 } from 'node:zlib';
import type { Column } from '../lambdas/protocol/window.ts';

type Value = string | number | boolean | null;

function valueOf(column: Column, cell: string | null): Value {
  if (cell === null) return null;
  if (column.type === 'BOOLEAN') return cell === 'true';
  if (column.type === 'FLOAT' || (column.type === 'NUMBER' && column.precision! <= 15)) return Number(cell);
  return cell;
}

export function imageOf(columns: readonly Column[], cells: readonly (string | null)[]): Record<string, Value> {
  return Object.fromEntries(columns.map((column, index) => [column.name, valueOf(column, cells[index]!)]));
}

/** Of a row's image as JSON. Sums of it tell two sets of rows apart whatever their order. */
export function checksum(image: object): number {
  return crc32(JSON.stringify(image));
}

/** Adds checksums; stays exact. */
export function addChecksum(sum: number, one: number): number {
  return (sum + one) % 2 ** 52;
}
