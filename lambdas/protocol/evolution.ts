/**
 * What changed from one window's columns to the next one's, and whether a consumer of the first can go on with the second:
 * it can when every value still has the place and the form that it had.
 */
import type { Column } from './window.ts';

export type SchemaChange = { column: string; text: string; compatible: boolean };

/** Up to so many digits a NUMBER is a number in JSON, with more it is text. */
const NUMBER_DIGITS = 15;

/** In records with a schema these are a count: of ms up to 3 decimals, of µs up to 6, with more another type. */
const COUNTED = new Set(['TIME', 'TIMESTAMP_NTZ']);

export function schemaChanges(before: readonly Column[], after: readonly Column[]): SchemaChange[] {
  const changes: SchemaChange[] = [];
  const add = (column: string, text: string, compatible: boolean) => changes.push({ column, text, compatible });
  for (const was of before) {
    const is = after.find(({ name }) => name === was.name);
    if (is === undefined) {
      add(was.name, 'dropped (or renamed)', false);
      continue;
    }
    if (typeText(was) !== typeText(is)) add(is.name, `${typeText(was)} to ${typeText(is)}`, holds(is, was));
    if (was.nullable !== is.nullable) add(is.name, is.nullable ? 'made nullable' : 'made NOT NULL', true);
  }
  for (const is of after) {
    if (!before.some(({ name }) => name === is.name)) add(is.name, `added as ${typeText(is)}`, true);
  }
  const common = (columns: readonly Column[], others: readonly Column[]) =>
    columns.map(({ name }) => name).filter((name) => others.some((other) => other.name === name));
  const order = common(after, before);
  if (common(before, after).join('\0') !== order.join('\0')) add(order.join(', '), 'reordered', true);
  return changes;
}

/** Whether values of the one type look to a reader as they did before. */
function holds(is: Column, was: Column): boolean {
  if (is.type !== was.type || is.scale !== was.scale) return false;
  if (COUNTED.has(is.type)) return unitOf(is) === unitOf(was);
  if (is.type !== 'NUMBER') return true;
  const isNumber = ({ precision }: Column) => precision !== null && precision <= NUMBER_DIGITS;
  return (is.precision ?? 38) >= (was.precision ?? 38) && isNumber(is) === isNumber(was);
}

function unitOf({ precision }: Column): number {
  return Math.ceil(Math.max(1, precision ?? 9) / 3);
}

function typeText({ type, precision, scale }: Column): string {
  if (precision === null) return type;
  return scale === null ? `${type}(${precision})` : `${type}(${precision},${scale})`;
}
