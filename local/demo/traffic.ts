/**
 * The seeded mix of changes: what the writer does next, and what the ledger says of it. Pure: no clock, no I/O.
 *
 * Beside plain inserts, updates, deletes and re-keys there are the corners of the net delta: a row away and back, a row
 * that comes and goes in one transaction, a row replaced by its equal, a row that takes the key of a deleted one.
 */
import { flightColumns, type Cell, type Image } from './flights.ts';
import type { RowChange } from './ledger.ts';
import { Random } from './random.ts';
import { insert, rekey, remove, update } from './sql.ts';

export type Counts = { inserts: number; updates: number; deletes: number; rekeys: number };

/** One transaction: its statements in order, and the rows that they change. */
export type Commit = { statements: string[]; changes: RowChange[]; counts: Counts };

export type Row = { row: number; image: Image };

export type TrafficOptions = {
  table: string;
  seed: number;
  /** Loaded rows that the traffic may touch. */
  pool: Row[];
  /** Number of the first row that is inserted. */
  firstRow: number;
  /** Greatest number of rows in one statement. */
  maxRows: number;
};

const weights = {
  insert: 20,
  update: 28,
  rekey: 22,
  delete: 14,
  several: 8,
  awayAndBack: 3,
  comeAndGo: 1,
  replace: 2,
  takeOver: 2,
} as const;

const ID = flightColumns.findIndex((column) => column.name === 'ID');
const AIRPORTS = ['ATL', 'DEN', 'JFK', 'LAX', 'ORD', 'SEA', 'SFO', 'YAK'];
const REMARKS = [null, '', 'crew late', 'captain\'s "ok"', 'back\\slash', 'tab\tand\nline', 'žluť ✈ 🛬', 'null'];
/** Inserted IDs begin above all loaded ones, re-keyed ones above all inserted ones. */
const FIRST_ID = 10_000_000;
const STEP = 1_000_000_000n;
const WIDE_STEP = 10n ** 30n;

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #random: Random;
  readonly #live: Row[];
  readonly #taken: Set<string>;
  /** IDs of rows that are gone or were re-keyed. */
  readonly #freed: string[] = [];
  #nextRow: number;
  #nextId = FIRST_ID;
  #steps = 0n;

  readonly #make: Record<keyof typeof weights, (commit: Commit) => void> = {
    insert: (commit) => this.#insert(commit),
    update: (commit) => this.#update(commit),
    rekey: (commit) => this.#rekey(commit),
    delete: (commit) => this.#delete(commit),
    several: (commit) => this.#several(commit),
    awayAndBack: (commit) => this.#awayAndBack(commit),
    comeAndGo: (commit) => this.#comeAndGo(commit),
    replace: (commit) => this.#replace(commit),
    takeOver: (commit) => this.#takeOver(commit),
  };

  constructor(options: TrafficOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#live = options.pool;
    this.#taken = new Set(options.pool.map(({ image }) => image[ID]!));
    this.#nextRow = options.firstRow;
  }

  next(): Commit {
    const commit: Commit = { statements: [], changes: [], counts: { inserts: 0, updates: 0, deletes: 0, rekeys: 0 } };
    // Deletes must not eat the pool up.
    const kind = this.#live.length < 4 * this.#options.maxRows ? 'insert' : this.#random.weighted(weights);
    this.#make[kind](commit);
    return commit;
  }

  #insert(commit: Commit): void {
    this.#add(
      commit,
      Array.from({ length: this.#size() }, () => ({ row: this.#nextRow++, image: this.#newImage() })),
    );
  }

  #update(commit: Commit): void {
    this.#change(commit, this.#choose(this.#size()), this.#delay());
  }

  #rekey(commit: Commit): void {
    const rows = this.#choose(this.#size());
    const step = this.#freeStep(rows);
    commit.statements.push(rekey(this.#options.table, ids(rows), step));
    for (const row of rows) this.#move(commit, row, String(BigInt(row.image[ID]!) + step));
  }

  #delete(commit: Commit): void {
    this.#remove(commit, this.#choose(this.#size()));
  }

  #several(commit: Commit): void {
    this.#insert(commit);
    this.#update(commit);
    this.#delete(commit);
    this.#rekey(commit);
    this.#update(commit);
  }

  #awayAndBack(commit: Commit): void {
    const [row] = this.#choose(1) as [Row];
    const names = Object.keys(this.#delay());
    const back = Object.fromEntries(names.map((name) => [name, row.image[indexOf(name)]!]));
    this.#change(commit, [row], this.#delay());
    this.#change(commit, [row], back);
  }

  #comeAndGo(commit: Commit): void {
    const rows = [{ row: this.#nextRow++, image: this.#newImage() }];
    this.#add(commit, rows);
    this.#remove(commit, rows);
  }

  #replace(commit: Commit): void {
    const rows = this.#choose(1);
    this.#remove(commit, rows);
    this.#add(
      commit,
      rows.map(({ image }) => ({ row: this.#nextRow++, image: [...image] })),
    );
  }

  #takeOver(commit: Commit): void {
    const [gone, heir] = this.#choose(2) as [Row, Row];
    const id = gone.image[ID]!;
    this.#remove(commit, [gone]);
    commit.statements.push(update(this.#options.table, ids([heir]), { ID: id }));
    this.#move(commit, heir, id);
  }

  #size(): number {
    return this.#random.whole(1, this.#options.maxRows);
  }

  /** Distinct live rows. */
  #choose(count: number): Row[] {
    for (let i = 0; i < count; i++) {
      const j = this.#random.whole(i, this.#live.length - 1);
      [this.#live[i], this.#live[j]] = [this.#live[j]!, this.#live[i]!];
    }
    return this.#live.slice(0, count);
  }

  #add(commit: Commit, rows: Row[]): void {
    commit.statements.push(
      insert(
        this.#options.table,
        rows.map(({ image }) => image),
      ),
    );
    for (const row of rows) {
      this.#live.push(row);
      this.#taken.add(row.image[ID]!);
      commit.changes.push({ row: row.row, image: row.image });
      commit.counts.inserts++;
    }
  }

  #remove(commit: Commit, rows: Row[]): void {
    commit.statements.push(remove(this.#options.table, ids(rows)));
    for (const row of rows) {
      this.#live.splice(this.#live.indexOf(row), 1);
      this.#free(row.image[ID]!);
      commit.changes.push({ row: row.row, image: null });
      commit.counts.deletes++;
    }
  }

  #change(commit: Commit, rows: Row[], set: Record<string, Cell>): void {
    commit.statements.push(update(this.#options.table, ids(rows), set));
    for (const row of rows) {
      row.image = [...row.image];
      for (const [name, cell] of Object.entries(set)) row.image[indexOf(name)] = cell;
      commit.changes.push({ row: row.row, image: row.image });
      commit.counts.updates++;
    }
  }

  /** The row under another key; the statement is the caller's. */
  #move(commit: Commit, row: Row, id: string): void {
    this.#free(row.image[ID]!);
    this.#taken.add(id);
    row.image = row.image.with(ID, id);
    commit.changes.push({ row: row.row, image: row.image });
    commit.counts.rekeys++;
  }

  #free(id: string): void {
    this.#taken.delete(id);
    this.#freed.push(id);
    if (this.#freed.length > 1000) this.#freed.shift();
  }

  /** A step that leads none of the rows to an ID in use; one in four makes 31 digits and more. */
  #freeStep(rows: readonly Row[]): bigint {
    const unit = this.#random.whole(1, 4) === 4 ? WIDE_STEP : STEP;
    for (;;) {
      this.#steps++;
      const step = unit * ((this.#steps % 9_999_999n) + 1n);
      const moved = rows.map(({ image }) => BigInt(image[ID]!) + step);
      if (moved.every((id) => id < 10n ** 38n && !this.#taken.has(String(id)))) return step;
    }
  }

  #newId(): string {
    if (this.#random.whole(1, 5) === 5) {
      const freed = this.#freed.pop();
      if (freed !== undefined && !this.#taken.has(freed)) {
        this.#taken.add(freed);
        return freed;
      }
    }
    return String(this.#nextId++);
  }

  /** A late flight, by columns that an UPDATE sets. */
  #delay(): Record<string, Cell> {
    const minutes = this.#random.whole(-30, 600);
    return {
      DELAY: this.#random.whole(1, 20) === 1 ? null : String(minutes),
      ON_TIME: String(minutes <= 15),
      LANDED: `${this.#instant()} ${this.#random.whole(-32, 48) * 15}`,
      DETAILS:
        this.#random.whole(1, 10) === 1
          ? null
          : JSON.stringify({ gate: minutes, late: minutes > 15, why: [null, 1.5, "fog's"] }),
      REMARK: this.#random.pick(REMARKS),
    };
  }

  #newImage(): Image {
    const cells: Record<string, Cell> = {
      ...this.#delay(),
      ID: this.#newId(),
      ORIGIN: this.#random.pick(AIRPORTS),
      DESTINATION: this.#random.pick(AIRPORTS),
      FLIGHT_DATE: `2001-0${this.#random.whole(7, 9)}-1${this.#random.whole(0, 9)}`,
      SCHEDULED: `${this.#random.whole(0, 86_399)}${this.#nanos()}`,
      DISTANCE: String(this.#random.whole(20, 5000)),
      FARE: `${this.#random.whole(0, 9999)}.${this.#random.whole(10, 99)}`,
      FUEL: `${this.#random.whole(0, 999_999_999)}${this.#random.whole(0, 999_999)}.${this.#random.whole(1000, 9999)}`.replace(
        /^0+(?=\d)/,
        '',
      ),
      SPEED: String(this.#random.whole(1, 1_000_000) / this.#random.whole(1, 1000)),
      DEPARTED: this.#instant(),
      BOARDED: this.#instant(),
      TAG: this.#random.whole(1, 10) === 1 ? null : `0${this.#random.whole(0, 9)}FF${this.#random.whole(10, 99)}`,
    };
    return flightColumns.map(({ name }) => cells[name]!);
  }

  #instant(): string {
    return `${994_000_000 + this.#random.whole(0, 5_000_000)}${this.#nanos()}`;
  }

  #nanos(): string {
    return String(this.#random.whole(0, 999_999_999)).padStart(9, '0');
  }
}

const ids = (rows: readonly Row[]): string[] => rows.map(({ image }) => image[ID]!);
const indexOf = (name: string): number => flightColumns.findIndex((column) => column.name === name);
