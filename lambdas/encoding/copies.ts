/**
 * Copies of bytes. Most are of a name or a cell, so short that a call of the native copy costs more than the bytes: they are
 * copied four at a time where both sides have a DataView, whose accessors V8 compiles to single instructions.
 */

/** Above so many bytes the native copy is faster, than words and than single bytes. */
const wordsUpTo = 120;
const bytesUpTo = 40;

type Copy = (this: Uint8Array, to: Uint8Array, at: number, start: number, end: number) => number;
/** Twice as fast as `set` with a `subarray`, and nothing is left to collect. */
const copyNative = Reflect.get(Buffer.prototype, 'copy') as Copy;

/** Copies [start, end). Answers where it ends. */
export function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array, at: number): number {
  if (end - start > bytesUpTo) {
    copyNative.call(from, to, at, start, end);
    return at + end - start;
  }
  let p = at;
  for (let i = start; i < end; i++) to[p++] = from[i]!;
  return p;
}

/** The same; the views are of `from` and `to`. */
export function copyText(
  from: Uint8Array,
  fromView: DataView,
  start: number,
  end: number,
  to: Uint8Array,
  toView: DataView,
  at: number,
): number {
  if (end - start > wordsUpTo) {
    copyNative.call(from, to, at, start, end);
    return at + end - start;
  }
  let p = at;
  let i = start;
  for (; i + 4 <= end; i += 4, p += 4) toView.setInt32(p, fromView.getInt32(i, true), true);
  for (; i < end; i++) to[p++] = from[i]!;
  return p;
}

/** The DataView of the bytes that were asked for last. */
export class Viewed {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  of(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    }
    return this.#view;
  }
}

/** A text that is written again and again. It takes room for whole words. */
export class Constant {
  readonly length: number;
  readonly room: number;
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;

  constructor(bytes: Uint8Array) {
    this.length = bytes.length;
    this.#words = wordsOf(bytes);
    this.room = 4 * this.#words.length;
    this.#bytes = bytes;
  }

  /** `view` is of `to`; what it writes after its end, up to three bytes, is the caller's to overwrite. Answers the end. */
  write(to: Uint8Array, view: DataView, at: number): number {
    const words = this.#words;
    if (this.length > wordsUpTo) copyNative.call(this.#bytes, to, at, 0, this.length);
    else for (let word = 0, p = at; word < words.length; word++, p += 4) view.setInt32(p, words[word]!, true);
    return at + this.length;
  }
}

/** The bytes as words, in which the last one may have room left. */
export function wordsOf(bytes: Uint8Array): Int32Array {
  const padded = new DataView(new ArrayBuffer(4 * Math.ceil(bytes.length / 4)));
  bytes.forEach((byte, at) => padded.setUint8(at, byte));
  return Int32Array.from({ length: padded.byteLength / 4 }, (_, word) => padded.getInt32(4 * word, true));
}
