/** Dates and times out of a cell's ISO text. Digits stand at fixed places: `YYYY-MM-DD`, `HH:MI:SS.fffffffff`. */
import { SnowmeltError } from '../errors.ts';

const DASH = 0x2d;
const COLON = 0x3a;
const DOT = 0x2e;
const T = 0x54;
const Z = 0x5a;
const dayLength = 10;

/** What a text says; one instance serves a writer for all of its rows. */
export class Moment {
  year = 0;
  month = 0;
  day = 0;
  hour = 0;
  minute = 0;
  second = 0;
  nanos = 0;

  /** @throws RESULT_MALFORMED */
  parseDate(from: Uint8Array, start: number, end: number): void {
    if (end - start !== dayLength) throw malformed();
    this.#date(from, start);
  }

  /** @throws RESULT_MALFORMED */
  parseTime(from: Uint8Array, start: number, end: number): void {
    if (this.#time(from, start, end) !== end) throw malformed();
  }

  /** A `T` between, and a `Z` at the end or not. @throws RESULT_MALFORMED */
  parseTimestamp(from: Uint8Array, start: number, end: number): void {
    if (from[start + dayLength] !== T) throw malformed();
    this.#date(from, start);
    const after = this.#time(from, start + dayLength + 1, end);
    if (after !== end && !(after === end - 1 && from[after] === Z)) throw malformed();
  }

  /** Days since 1970-01-01 in the proleptic Gregorian calendar. */
  get days(): number {
    // Years begin in March, so that a leap day is a year's last.
    const year = this.month > 2 ? this.year : this.year - 1;
    const era = Math.floor(year / 400);
    const yearOfEra = year - era * 400;
    const month = (this.month + 9) % 12;
    const dayOfYear = Math.floor((153 * month + 2) / 5) + this.day - 1;
    const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
    return era * 146_097 + dayOfEra - 719_468;
  }

  get secondOfDay(): number {
    return (this.hour * 60 + this.minute) * 60 + this.second;
  }

  /** Seconds since 1970-01-01T00:00:00, the text read as UTC; `nanos` come on top. */
  get seconds(): number {
    return this.days * 86_400 + this.secondOfDay;
  }

  /** The fraction of the second in units of 10^-digits. @throws RESULT_MALFORMED for finer ones */
  fraction(digits: number): number {
    const unit = 10 ** (9 - digits);
    if (this.nanos % unit !== 0) throw malformed();
    return this.nanos / unit;
  }

  #date(from: Uint8Array, at: number): void {
    if (from[at + 4] !== DASH || from[at + 7] !== DASH) throw malformed();
    this.year = digits(from, at, 4);
    this.month = digits(from, at + 5, 2);
    this.day = digits(from, at + 8, 2);
    if (this.month < 1 || this.month > 12 || this.day < 1 || this.day > 31) throw malformed();
  }

  #time(from: Uint8Array, at: number, end: number): number {
    if (at + 8 > end || from[at + 2] !== COLON || from[at + 5] !== COLON) throw malformed();
    this.hour = digits(from, at, 2);
    this.minute = digits(from, at + 3, 2);
    this.second = digits(from, at + 6, 2);
    this.nanos = 0;
    if (this.hour > 23 || this.minute > 59 || this.second > 59) throw malformed();
    let p = at + 8;
    if (p >= end || from[p] !== DOT) return p;
    let unit = 100_000_000;
    for (p++; p < end && from[p]! >= 0x30 && from[p]! <= 0x39; p++) {
      if (unit < 1) throw malformed();
      this.nanos += (from[p]! - 0x30) * unit;
      unit /= 10;
    }
    return p;
  }
}

function digits(from: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const byte = from[i]!;
    if (!(byte >= 0x30 && byte <= 0x39)) throw malformed();
    value = value * 10 + byte - 0x30;
  }
  return value;
}

function malformed(): SnowmeltError {
  return new SnowmeltError('RESULT_MALFORMED', 'A cell of a date or time column is not one, or finer than its type');
}
