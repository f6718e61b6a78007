/** Cells as Snowflake literals, and the writer's statements made of them. */
import { flightColumns, type Cell, type DemoColumn, type Image } from './flights.ts';

const SECOND = 1_000_000_000n;

/** An expression that gives exactly the cell, in the column's type. */
export function literal(cell: Cell, column: DemoColumn): string {
  if (cell === null) return 'NULL';
  switch (column.kind) {
    case 'number':
      return cell;
    case 'boolean':
      return cell.toUpperCase();
    case 'text':
      return quoted(cell);
    case 'float':
      return `${quoted(cell)}::FLOAT`;
    case 'date':
      return `${quoted(cell)}::DATE`;
    case 'time':
      return `${quoted(clock(BigInt(cell)).slice(11))}::TIME(9)`;
    case 'timestamp_ntz':
      return `${quoted(clock(BigInt(cell)))}::TIMESTAMP_NTZ(9)`;
    case 'timestamp_ltz':
      return `${quoted(`${clock(BigInt(cell))} +00:00`)}::TIMESTAMP_LTZ(9)`;
    case 'timestamp_tz': {
      const [instant, minutes] = cell.split(' ').map(BigInt) as [bigint, bigint];
      const local = clock(instant + minutes * 60n * SECOND);
      const size = minutes < 0n ? -minutes : minutes;
      return `${quoted(`${local} ${minutes < 0n ? '-' : '+'}${two(size / 60n)}:${two(size % 60n)}`)}::TIMESTAMP_TZ(9)`;
    }
    case 'binary':
      return `TO_BINARY(${quoted(cell)}, 'HEX')`;
    case 'variant':
      return `PARSE_JSON(${quoted(cell)})`;
  }
}

/** One INSERT of all rows. VALUES takes no PARSE_JSON in Snowflake, SELECT does. */
export function insert(table: string, images: readonly Image[], columns = flightColumns): string {
  const rows = images.map((image) => `SELECT ${image.map((cell, i) => literal(cell, columns[i]!)).join(', ')}`);
  return `INSERT INTO ${table} (${columns.map((c) => `"${c.name}"`).join(', ')}) ${rows.join(' UNION ALL ')}`;
}

/** One UPDATE that gives the rows of these IDs the cells of `set`, by column name. */
export function update(
  table: string,
  ids: readonly string[],
  set: Readonly<Record<string, Cell>>,
  columns = flightColumns,
): string {
  const columnOf = (name: string) => columns.find((column) => column.name === name)!;
  const cells = Object.entries(set).map(([name, cell]) => `"${name}" = ${literal(cell, columnOf(name))}`);
  return `UPDATE ${table} SET ${cells.join(', ')} WHERE "ID" IN (${ids.join(', ')})`;
}

/** One UPDATE that moves the rows of these IDs by `step`. */
export function rekey(table: string, ids: readonly string[], step: bigint): string {
  return `UPDATE ${table} SET "ID" = "ID" + ${step} WHERE "ID" IN (${ids.join(', ')})`;
}

export function remove(table: string, ids: readonly string[]): string {
  return `DELETE FROM ${table} WHERE "ID" IN (${ids.join(', ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function clock(ns: bigint): string {
  const date = new Date(Number(ns / SECOND) * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return `${date}.${String(ns % SECOND).padStart(9, '0')}`;
}

const two = (n: bigint): string => String(n).padStart(2, '0');
