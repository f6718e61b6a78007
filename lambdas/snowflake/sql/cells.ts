/**
 * The cells of a scan: the columns that a layout takes of a table, each as the text that leaves Snowflake. A mask is put
 * around that text, and the key is made of the same texts: nothing that is masked or left out comes along in another way.
 */
import { SnowmeltError } from '../../errors.ts';
import type { Column, Layout, Mask, Shape } from '../../protocol/window.ts';
import { casts, noKey } from './casts.ts';
import { identifier } from './literals.ts';

export type Cell = { column: Column; text: string };

/** The salt of hashes is the statement's only bind, so it stands in no text that Snowflake keeps. */
const SALTED_HASH = 'SHA2(:1 || ';

/** @throws COLUMN_MISSING, TYPE_UNSUPPORTED naming all columns concerned */
export function cellsOf(layout: Layout, table: readonly Column[]): Cell[] {
  const { shape } = layout;
  if (!shape) return plainCells(table);
  const cells = castAll(picked(shape, table));
  for (const { column, mask } of shape.masks) {
    const at = indexOf(cells, column, 'mask');
    const { name, nullable } = cells[at]!.column;
    const masked = { name, type: 'VARCHAR', precision: null, scale: null, nullable };
    cells[at] = { column: masked, text: maskOf(mask, cells[at]!.text) };
  }
  return cells;
}

/** All columns, unshaped. @throws TYPE_UNSUPPORTED */
export function plainCells(columns: readonly Column[]): Cell[] {
  return castAll(columns.map((column) => ({ column, sql: identifier(column.name) })));
}

type Picked = { column: Column; sql: string };

function picked(shape: Shape, table: readonly Column[]): Picked[] {
  const all: Picked[] = table.map((column) => ({ column, sql: identifier(column.name) }));
  const computed = shape.computed.map(({ name, sql, type }): Picked => {
    const column = { name, type: type.name, precision: type.precision, scale: type.scale, nullable: true };
    return { column, sql: `CAST((${sql}) AS ${typeText(column)})` };
  });
  for (const name of shape.exclude) indexOf(all, name, 'columns.exclude');
  const kept = (shape.include ?? all.map(({ column }) => column.name))
    .filter((name) => !shape.exclude.includes(name))
    .map((name) => computed.find(({ column }) => column.name === name) ?? all[indexOf(all, name, 'columns.include')]!);
  const more = computed.filter(({ column }) => !kept.some((other) => other.column.name === column.name));
  return [...kept, ...more];
}

function indexOf(list: readonly { column: Column }[], name: string, setting: string): number {
  const at = list.findIndex(({ column }) => column.name === name);
  if (at >= 0) return at;
  const has = list.map(({ column }) => column.name).join(', ');
  throw new SnowmeltError('COLUMN_MISSING', `\`${setting}\` names the column ${name}; there are ${has}.`);
}

function castAll(columns: readonly Picked[]): Cell[] {
  const unsupported = columns.filter(({ column }) => casts[column.type] === undefined);
  if (unsupported.length > 0) {
    const list = unsupported.map(({ column }) => `${column.name} (${column.type})`).join(', ');
    throw new SnowmeltError('TYPE_UNSUPPORTED', `Columns of a type that is not supported: ${list}`);
  }
  return columns.map(({ column, sql }) => ({ column, text: casts[column.type]!(sql) }));
}

function typeText({ type, precision, scale }: Column): string {
  if (precision === null) return type;
  return scale === null ? `${type}(${precision})` : `${type}(${precision}, ${scale})`;
}

/** NULL stays NULL. */
function maskOf(mask: Mask, text: string): string {
  switch (mask.kind) {
    case 'redact':
      return `NVL2(${text}, '***', NULL)`;
    case 'hash':
      return `${SALTED_HASH}${text})`;
    case 'truncate':
      return `LEFT(${text}, ${mask.length})`;
    case 'last-4':
      // A value of up to four characters would be shown whole.
      return `NVL2(${text}, IFF(LENGTH(${text}) > 4, '****' || RIGHT(${text}, 4), '****'), NULL)`;
  }
}

/** Whether the statement's only bind is to be sent along. */
export function isSalted(statement: string): boolean {
  return statement.includes(SALTED_HASH);
}

/** The text of a row's key: one JSON array of the key columns' texts, never NULL. @throws KEY_INVALID */
export function keyText(key: readonly string[], cells: readonly Cell[]): string {
  const parts = key.map((name) => {
    const cell = cells.find(({ column }) => column.name === name);
    if (cell === undefined) throw new SnowmeltError('KEY_INVALID', `Key column ${name} is not a column of the table`);
    const { type } = cell.column;
    if (noKey.has(type)) throw new SnowmeltError('KEY_INVALID', `Key column ${name} has type ${type}`);
    return cell.text;
  });
  if (parts.length === 0) throw new SnowmeltError('KEY_INVALID', 'No key columns');
  return `TO_JSON(ARRAY_CONSTRUCT(${parts.join(', ')}))`;
}
