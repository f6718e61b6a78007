/**
 * Seeded traffic for what is read by a cursor: a table of events whose rows are added and changed, and Snowflake's own logs,
 * whose rows are only added. Cells of every kind are made of the row's number, so that no two rows share a key. Pure.
 */
import type { Cell, DemoColumn, Image } from './flights.ts';
import { Random } from './random.ts';
import { insert, update } from './sql.ts';
import type { Commit } from './traffic.ts';

export const eventColumns: readonly DemoColumn[] = [
  { name: 'ID', kind: 'number', sqlType: 'NUMBER(18,0)', precision: 18, source: '' },
  { name: 'SEQ', kind: 'number', sqlType: 'NUMBER(20,0)', precision: 20, source: '' },
  { name: 'AT', kind: 'timestamp_tz', sqlType: 'TIMESTAMP_TZ(9)', source: '' },
  { name: 'NOTE', kind: 'text', sqlType: 'VARCHAR', source: '' },
  { name: 'DATA', kind: 'variant', sqlType: 'VARIANT', source: '' },
];

/** Sequences come late by less than this; a `lag` of as much finds them. */
const LATE = 400;
/** So do times, in seconds. */
const LATE_SECONDS = 120;

/** Events: added in batches, some with the sequence or time of one before or an earlier one, some without; and changed. */
export class EventTraffic {
  readonly #table: string;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #maxRows: number;
  readonly #images: Image[] = [];
  #seq = 1_000;

  /** @param table fully qualified and quoted. */
  constructor(table: string, seed: number, maxRows: number, now = Date.now) {
    this.#table = table;
    this.#random = new Random(seed);
    this.#maxRows = maxRows;
    this.#now = now;
  }

  next(): Commit {
    const changes = this.#images.length > 4 * this.#maxRows && this.#random.whole(1, 3) === 1;
    return changes ? this.#change() : this.#add();
  }

  #add(): Commit {
    const rows = Array.from({ length: this.#random.whole(1, this.#maxRows) }, () => {
      const row = this.#images.length;
      const image: Image = [String(row), this.#sequence(), this.#instant(), this.#random.pick(NOTES), dataOf(row)];
      this.#images.push(image);
      return { row, image };
    });
    const images = rows.map(({ image }) => image);
    return {
      statements: [insert(this.#table, images, eventColumns)],
      changes: rows,
      counts: { inserts: rows.length, updates: 0, deletes: 0, rekeys: 0 },
    };
  }

  /** A few rows get one new sequence and time, as a trigger would give them. */
  #change(): Commit {
    const rows = new Set(Array.from({ length: 4 }, () => this.#random.whole(0, this.#images.length - 1)));
    const set = { SEQ: String(++this.#seq), AT: this.#instant(), NOTE: this.#random.pick(NOTES) };
    const changes = [...rows].map((row) => {
      const [id, , , , data] = this.#images[row] as [Cell, Cell, Cell, Cell, Cell];
      const image: Image = [id, set.SEQ, set.AT, set.NOTE, data];
      this.#images[row] = image;
      return { row, image };
    });
    const ids = [...rows].map(String);
    return {
      statements: [update(this.#table, ids, set, eventColumns)],
      changes,
      counts: { inserts: 0, updates: changes.length, deletes: 0, rekeys: 0 },
    };
  }

  #sequence(): Cell {
    const chance = this.#random.whole(1, 20);
    if (chance === 1) return null;
    if (chance === 2) return String(this.#seq); // a tie
    if (chance <= 5) return String(this.#seq - this.#random.whole(1, LATE));
    return String(++this.#seq);
  }

  #instant(): Cell {
    return `${pastInstant(this.#random, this.#now())} ${this.#random.whole(-32, 48) * 15}`;
  }
}

/** A log's rows, as a SELECT for the stand-in's `load`: nobody writes into Snowflake's views. */
export class LogTraffic {
  readonly #columns: readonly DemoColumn[];
  readonly #whole: ReadonlySet<string>;
  readonly #random: Random;
  readonly #now: () => number;
  readonly #maxRows: number;
  #rows = 0;

  /** @param whole names of columns that are never NULL. */
  constructor(columns: readonly DemoColumn[], whole: readonly string[], seed: number, maxRows: number, now = Date.now) {
    this.#columns = columns;
    this.#whole = new Set(whole);
    this.#random = new Random(seed);
    this.#maxRows = maxRows;
    this.#now = now;
  }

  next(): Commit {
    const changes = Array.from({ length: this.#random.whole(1, this.#maxRows) }, () => {
      const row = this.#rows++;
      return { row, image: this.#columns.map((column) => this.#cell(column, row)) };
    });
    const rows = changes.map(({ image }) => `(${image.map((cell, i) => stored(cell, this.#columns[i]!)).join(', ')})`);
    const names = this.#columns.map(({ name }) => `"${name}"`).join(', ');
    return {
      statements: [`SELECT * FROM (VALUES ${rows.join(', ')}) AS t(${names})`],
      changes,
      counts: { inserts: changes.length, updates: 0, deletes: 0, rekeys: 0 },
    };
  }

  #cell({ name, kind, sqlType, scale = 0 }: DemoColumn, row: number): Cell {
    if (!this.#whole.has(name) && this.#random.whole(1, 10) === 1) return null;
    switch (kind) {
      case 'number':
        return scale === 0 ? String(row) : `${row}.${String(this.#random.whole(1, 999_999)).padStart(scale, '0')}`;
      case 'float':
        return String(this.#random.whole(0, 1_000_000) / 64);
      case 'timestamp_ntz':
      case 'timestamp_ltz':
        return pastInstant(this.#random, this.#now());
      case 'variant':
        return sqlType === 'ARRAY' ? listOf(row) : sqlType === 'OBJECT' ? objectOf(row) : dataOf(row);
      default:
        return `${this.#random.pick(NOTES)} ${row}`;
    }
  }
}

const NOTES = ['', 'late "again"', 'back\\slash', 'tab\tand\nline', 'žluť ✈ 🛬', "it's"];

const listOf = (row: number): string => JSON.stringify([row, null, "it's"]);
const objectOf = (row: number): string => JSON.stringify({ row, why: { 'a "b"': 1.5 } });
const dataOf = (row: number): string => (row % 3 === 0 ? listOf(row) : objectOf(row));

/** Nanoseconds since 1970, as coarse as a second where rows tie. */
function pastInstant(random: Random, now: number): string {
  const seconds = Math.floor(now / 1000) - random.whole(0, LATE_SECONDS);
  const nanos = random.whole(1, 4) === 1 ? 0 : random.whole(0, 999_999_999);
  return `${seconds}${String(nanos).padStart(9, '0')}`;
}

/** A cell as DuckDB SQL, in a form that `load` takes for a column of the kind. */
function stored(cell: Cell, { kind }: DemoColumn): string {
  const type = kind.startsWith('timestamp') ? 'HUGEINT' : 'VARCHAR';
  return `CAST(${cell === null ? 'NULL' : `'${cell.replaceAll("'", "''")}'`} AS ${type})`;
}

/** A column as DESCRIBE TABLE shows it. @throws for a type that no log has */
export function describedColumn(name: string, type: string): DemoColumn {
  const [, bare = '', precision, scale] = /^(\w+)(?:\((\d+)(?:,\s*(\d+))?\))?/.exec(type) ?? [];
  const kind = KINDS[bare];
  if (kind === undefined) throw new Error(`column ${name} has type ${type}, which the demo has no values for`);
  const sized = kind === 'number' ? { precision: Number(precision ?? 38), scale: Number(scale ?? 0) } : {};
  return { name, kind, sqlType: type, source: '', ...sized };
}

const KINDS: Record<string, DemoColumn['kind']> = {
  NUMBER: 'number',
  FLOAT: 'float',
  VARCHAR: 'text',
  TIMESTAMP_NTZ: 'timestamp_ntz',
  TIMESTAMP_LTZ: 'timestamp_ltz',
  ARRAY: 'variant',
  OBJECT: 'variant',
  VARIANT: 'variant',
};
