/** Cells that a schema block has otherwise than plain JSON: decimals in Base64, dates and times as numbers. */
import { writeEncoded } from './base64.ts';
import { writeInteger } from './cells.ts';
import { unscaledRoom, writeUnscaled } from './decimal.ts';
import { Moment } from './time.ts';
import type { ConnectType } from './types.ts';

const QUOTE = 0x22;
const Z = 0x5a;
const MINUS = 0x2d;
const ZERO = 0x30;

export class ConnectCells {
  readonly #types: readonly ConnectType[];
  readonly #moment = new Moment();
  readonly #unscaled = new Uint8Array(unscaledRoom);

  constructor(types: readonly ConnectType[]) {
    this.#types = types;
  }

  /** Cell `index`; answers the position after it. @throws RESULT_MALFORMED */
  write(index: number, from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
    const { kind, digits } = this.#types[index]!;
    const moment = this.#moment;
    switch (kind) {
      case 'decimal': {
        const size = writeUnscaled(from, start, end, digits, this.#unscaled, 0);
        to[at] = QUOTE;
        const p = writeEncoded(this.#unscaled, 0, size, to, at + 1);
        to[p] = QUOTE;
        return p + 1;
      }
      case 'date':
        moment.parseDate(from, start, end);
        return writeSigned(moment.days, to, at);
      case 'time':
        moment.parseTime(from, start, end);
        return writeSigned(moment.secondOfDay * 10 ** digits + moment.fraction(digits), to, at);
      case 'timestamp':
        moment.parseTimestamp(from, start, end);
        return writeInstant(moment.seconds, moment.fraction(digits), digits, to, at);
      default: {
        // 'utc': the zone that the text lacks.
        let p = at;
        to[p++] = QUOTE;
        to.set(from.subarray(start, end), p);
        p += end - start;
        to[p++] = Z;
        to[p++] = QUOTE;
        return p;
      }
    }
  }
}

/** `seconds * 10^digits + fraction`, which a double may not hold. */
function writeInstant(seconds: number, fraction: number, digits: number, to: Uint8Array, at: number): number {
  const unit = 10 ** digits;
  const borrow = seconds < 0 && fraction > 0;
  const whole = Math.abs(borrow ? seconds + 1 : seconds);
  const part = borrow ? unit - fraction : fraction;
  let p = at;
  if (seconds < 0) to[p++] = MINUS;
  if (whole === 0) return writeInteger(part, to, p);
  p = writeInteger(whole, to, p);
  let rest = part;
  for (let i = p + digits - 1; i >= p; i--) {
    const tens = Math.floor(rest / 10);
    to[i] = ZERO + (rest - tens * 10);
    rest = tens;
  }
  return p + digits;
}

function writeSigned(value: number, to: Uint8Array, at: number): number {
  if (value >= 0) return writeInteger(value, to, at);
  to[at] = MINUS;
  return writeInteger(-value, to, at + 1);
}
