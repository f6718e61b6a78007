/**
 * Rows of one partition's range -> records, in order.
 *
 * The one subtle invariant: a position may only stand between two keys. Rows come ordered by key, then DELETE before INSERT,
 * so a DELETE is held back until the row after it is seen: with an INSERT of the same key it is one update. Whatever was
 * appended to the producer is exactly the rows up to `done`, so a transaction can be committed whenever control is here.
 * A second DELETE or INSERT of a key is DUPLICATE_KEY. In append-only windows every row is a create and keys may repeat.
 * A repair tells the state, not the change: a pair is a read of what is there now.
 *
 * A row that can't be sent ends the hot loop; with `bury` it goes to the dead letters, where its record would have gone to the
 * topic, and the loop goes on behind it. Rows that can be sent cost nothing for it.
 */
import { SnowmeltError, type ErrorCode } from '../errors.ts';
import { rowHash } from './digest.ts';
import type { KafkaProducer } from './ports/kafka.ts';
import type { BadRow, HeaderWriter, Op, RecordEncoder } from './ports/records.ts';
import type { RowBatch } from './ports/snowflake.ts';
import { EXTRA_CELLS } from './window.ts';

const DELETE = 0x44; // 'D' of DELETE; INSERT is 'I'
/** A row with more behind its DELETE is one of which only the key is known. */
const DELETE_LENGTH = 6;

/** What takes the records: a producer, or who looks what it would get. */
export type Sink = Pick<KafkaProducer, 'append' | 'ready'>;

/** Takes a row that can't be sent; false: the producer is full. */
export type Bury = (bad: BadRow) => boolean;

/** What the encoder and a record's size find wrong with one row. All else is wrong with more than that. */
const OF_ONE_ROW = new Set<ErrorCode>(['RESULT_MALFORMED', 'VALUE_UNFIT', 'RECORD_TOO_LARGE']);

export type PairingMode = 'net' | 'snapshot' | 'append' | 'repair' | 'append-read';

export class Pairing {
  readonly #mode: PairingMode;
  readonly #window: number;
  readonly #encoder: RecordEncoder;
  readonly #headers: HeaderWriter | null;
  readonly #bury: Bury | null;
  readonly #keyCell: number;
  readonly #actionCell: number;
  /** The row before the next one: in the batch at hand, or a copy of the last row of the batch before. */
  #previous: RowBatch | null = null;
  #previousRow = 0;
  /** Whether the previous row is a DELETE that was not appended yet. */
  #held = false;
  /** Whether the producer asked to be waited for. */
  #full = false;
  /** Rows of the range taken so far, a held one included. */
  #taken: number;
  /** Rows of the range that are wholly appended. */
  done: number;
  /** Hash of row `done` after each `take`; null before the first row of this run. */
  last: string | null = null;
  /** Records appended so far, tombstones included; dead letters are none. */
  records = 0;

  /** `window`: its number; `done`: rows of the range that were published before; without `bury` a bad row is an error. */
  constructor(
    mode: PairingMode,
    encoder: RecordEncoder,
    window: number,
    width: number,
    done: number,
    headers: HeaderWriter | null = null,
    bury: Bury | null = null,
  ) {
    this.#mode = mode;
    this.#window = window;
    this.#encoder = encoder;
    this.#headers = headers;
    this.#bury = bury;
    this.#keyCell = width - EXTRA_CELLS.count + EXTRA_CELLS.key;
    this.#actionCell = width - EXTRA_CELLS.count + EXTRA_CELLS.action;
    this.done = done;
    this.#taken = done;
  }

  /** Shows the row before the first one to take, row 0 of the batch, and answers its hash. */
  resumeAfter(batch: RowBatch): string {
    this.#previous = batch;
    this.#previousRow = 0;
    this.last = rowHash(batch, 0);
    return this.last;
  }

  /**
   * Takes all rows of the batch from `start` on and awaits the producer whenever it is full.
   * @throws DUPLICATE_KEY, what a row can't be sent for, and whatever the producer's sends failed with.
   */
  async take(batch: RowBatch, start: number, producer: Sink): Promise<void> {
    const before = this.#previous;
    const beforeRow = this.#previousRow;
    let next = start;
    while (next < batch.rows) {
      next = this.#append(batch, next, producer);
      if (this.#full) await producer.ready();
      this.#full = false;
    }
    if (batch.rows === 0) return;
    // The batch is about to be reused.
    const last = batch.rows - 1;
    if (!this.#held) this.last = rowHash(batch, last);
    else if (last > 0) this.last = rowHash(batch, last - 1);
    else if (before !== null) this.last = rowHash(before, beforeRow);
    this.#previous = copyRow(batch, last);
    this.#previousRow = 0;
  }

  /** Appends the DELETE that was held back at the end of the range. */
  finish(producer: Sink): void {
    if (!this.#held) return;
    try {
      this.#appendHeld(producer);
    } catch (error) {
      this.#buryHeld(error);
    }
    this.last = rowHash(this.#previous!, this.#previousRow);
  }

  /**
   * Appends until the producer is full; answers the next row. Synchronous: this is the hot loop. `#held` and `done` change only
   * once a record is appended, so that they tell which one failed.
   */
  #append(batch: RowBatch, start: number, producer: Sink): number {
    const { bytes, offsets, width } = batch;
    const mode = this.#mode;
    const repair = mode === 'repair';
    const net = repair || mode === 'net';
    const unique = mode !== 'append' && mode !== 'append-read';
    const op: Op = mode === 'net' || mode === 'append' ? 'c' : 'r';
    let row = start;
    try {
      for (; row < batch.rows; row++) {
        const isDelete = net && bytes[offsets[2 * (row * width + this.#actionCell)]!] === DELETE;
        const previous = this.#previous;
        const sameKey = unique && previous !== null && sameCell(previous, this.#previousRow, batch, row, this.#keyCell);
        let room = true;
        if (sameKey && (isDelete || !this.#held)) throw duplicate(isDelete ? 'DELETE' : 'INSERT');
        if (sameKey) {
          this.#taken++;
          if (repair) this.#encoder.encode('r', null, 0, batch, row, this.#taken);
          else this.#encoder.encode('u', previous, this.#previousRow, batch, row, this.#taken);
          room = this.#send(batch, row, producer);
          this.#held = false;
          this.done = this.#taken;
        } else {
          if (this.#held) room = this.#appendHeld(producer);
          this.#taken++;
          if (isDelete) {
            this.#held = true;
          } else {
            this.#encoder.encode(op, null, 0, batch, row, this.#taken);
            room = this.#send(batch, row, producer) && room;
            this.done = this.#taken;
          }
        }
        this.#previous = batch;
        this.#previousRow = row;
        if (!room) {
          this.#full = true;
          return row + 1;
        }
      }
    } catch (error) {
      return this.#buryAt(error, batch, row);
    }
    return batch.rows;
  }

  /** The previous row was a DELETE and stays one: nothing of its key follows. */
  #appendHeld(producer: Sink): boolean {
    const encoder = this.#encoder;
    encoder.encode('d', this.#previous, this.#previousRow, null, 0, this.#taken, this.#isKeyOnly());
    let room = this.#send(this.#previous!, this.#previousRow, producer);
    if (encoder.tombstones) {
      const { bytes, keyStart, keyEnd } = encoder;
      room = producer.append(bytes, keyStart, keyEnd, -1, -1, this.#window, this.#taken, this.#headers) && room;
      this.records++;
    }
    this.#held = false;
    this.done = this.#taken;
    return room;
  }

  /** The loop ended at `row`: what it could not send goes to the dead letters. Answers the next row. */
  #buryAt(error: unknown, batch: RowBatch, row: number): number {
    // Held, and no second row taken: it is the DELETE before `row`, which is still to come.
    if (this.#held && this.#taken === this.done + 1) {
      this.#buryHeld(error);
      return row;
    }
    const mode = this.#mode;
    if (this.#held && mode === 'net') this.#buryRow(error, 'u', this.#previous, this.#previousRow, batch, row);
    else this.#buryRow(error, mode === 'net' || mode === 'append' ? 'c' : 'r', null, 0, batch, row);
    this.#previous = batch;
    this.#previousRow = row;
    return row + 1;
  }

  /** Neither the delete nor its tombstone goes. */
  #buryHeld(error: unknown): void {
    this.#buryRow(error, 'd', this.#previous, this.#previousRow, null, 0);
  }

  #buryRow(
    error: unknown,
    op: Op,
    before: RowBatch | null,
    beforeRow: number,
    after: RowBatch | null,
    afterRow: number,
  ): void {
    if (this.#bury === null || !(error instanceof SnowmeltError) || !OF_ONE_ROW.has(error.code)) throw error;
    const { code, message } = error;
    const room = this.#bury({ code, message, op, before, beforeRow, after, afterRow, row: this.#taken });
    if (!room) this.#full = true;
    this.#held = false;
    this.done = this.#taken;
  }

  #isKeyOnly(): boolean {
    const { offsets, width } = this.#previous!;
    const at = 2 * (this.#previousRow * width + this.#actionCell);
    return offsets[at + 1]! - offsets[at]! > DELETE_LENGTH;
  }

  /** Headers are of the row as it is now; of a deleted one as it was. */
  #send(batch: RowBatch, row: number, producer: Sink): boolean {
    const { bytes, keyStart, keyEnd, valueStart, valueEnd } = this.#encoder;
    const headers = this.#headers;
    headers?.write(batch, row);
    const room = producer.append(bytes, keyStart, keyEnd, valueStart, valueEnd, this.#window, this.#taken, headers);
    this.records++;
    return room;
  }
}

function duplicate(action: string): SnowmeltError {
  return new SnowmeltError(
    'DUPLICATE_KEY',
    `A second ${action} of one key in a window: the key columns are not unique.`,
  );
}

/** Compares from the end: neighbours in key order differ there. */
function sameCell(a: RowBatch, aRow: number, b: RowBatch, bRow: number, cell: number): boolean {
  const aAt = 2 * (aRow * a.width + cell);
  const bAt = 2 * (bRow * b.width + cell);
  const aStart = a.offsets[aAt]!;
  const bStart = b.offsets[bAt]!;
  let i = a.offsets[aAt + 1]! - aStart;
  if (i !== b.offsets[bAt + 1]! - bStart) return false;
  while (i-- > 0) {
    if (a.bytes[aStart + i] !== b.bytes[bStart + i]) return false;
  }
  return true;
}

function copyRow(batch: RowBatch, row: number): RowBatch {
  const { width } = batch;
  const offsets = new Int32Array(2 * width);
  let size = 0;
  for (let cell = 0; cell < width; cell++) {
    const at = 2 * (row * width + cell);
    if (batch.offsets[at]! >= 0) size += batch.offsets[at + 1]! - batch.offsets[at]!;
  }
  const bytes = new Uint8Array(size);
  let to = 0;
  for (let cell = 0; cell < width; cell++) {
    const at = 2 * (row * width + cell);
    const start = batch.offsets[at]!;
    if (start < 0) {
      offsets[2 * cell] = -1;
      offsets[2 * cell + 1] = -1;
      continue;
    }
    const cellBytes = batch.bytes.subarray(start, batch.offsets[at + 1]);
    bytes.set(cellBytes, to);
    offsets[2 * cell] = to;
    to += cellBytes.length;
    offsets[2 * cell + 1] = to;
  }
  return { bytes, offsets, rows: 1, width };
}
