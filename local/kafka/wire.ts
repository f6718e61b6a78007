/**
 * Kafka's primitive types, big-endian. Plain strings and arrays carry fixed-width lengths; the compact forms of the
 * flexible versions carry an unsigned varint of length + 1 and end each structure with tagged fields.
 */

/** Reads one request. Reading past its end throws a RangeError, on which the server closes the connection. */
export class Reader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Bytes read so far, from the start of the buffer. */
  get position(): number {
    return this.#at;
  }

  int8(): number {
    const value = this.#bytes.readInt8(this.#at);
    this.#at += 1;
    return value;
  }

  int16(): number {
    const value = this.#bytes.readInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  int32(): number {
    const value = this.#bytes.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  int64(): bigint {
    const value = this.#bytes.readBigInt64BE(this.#at);
    this.#at += 8;
    return value;
  }

  boolean(): boolean {
    return this.int8() !== 0;
  }

  uvarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes.readUInt8(this.#at);
      this.#at += 1;
      value |= (byte & 127) << shift;
      if (byte < 128) return value >>> 0;
    }
    throw new RangeError('varint of more than five bytes');
  }

  /** The next `length` bytes, not copied. */
  slice(length: number): Buffer {
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) throw new RangeError(`${String(length)} bytes asked for past the end`);
    const value = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return value;
  }

  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.slice(length).toString('utf8');
  }

  string(): string {
    return this.nullableString() ?? '';
  }

  compactNullableString(): string | null {
    const length = this.uvarint();
    return length === 0 ? null : this.slice(length - 1).toString('utf8');
  }

  compactString(): string {
    return this.compactNullableString() ?? '';
  }

  /** Not copied; null reads as empty. */
  bytes(): Buffer {
    const length = this.int32();
    return this.slice(Math.max(length, 0));
  }

  nullableArray<T>(item: () => T): T[] | null {
    const length = this.int32();
    return length < 0 ? null : this.#items(length, item);
  }

  array<T>(item: () => T): T[] {
    return this.nullableArray(item) ?? [];
  }

  compactNullableArray<T>(item: () => T): T[] | null {
    const length = this.uvarint();
    return length === 0 ? null : this.#items(length - 1, item);
  }

  /** Skips the tagged fields: none of those that exist matter here. */
  tags(): void {
    for (let left = this.uvarint(); left > 0; left -= 1) {
      this.uvarint();
      this.slice(this.uvarint());
    }
  }

  #items<T>(length: number, item: () => T): T[] {
    const items: T[] = [];
    for (let i = 0; i < length; i += 1) items.push(item());
    return items;
  }
}

const FIRST_CHUNK = 512;

/** Writes one message. Big byte strings are taken by reference, so a fetched batch is never copied. */
export class Writer {
  readonly #chunks: Buffer[] = [];
  #chunk = Buffer.allocUnsafe(FIRST_CHUNK);
  #at = 0;
  #size = 0;

  int8(value: number): this {
    this.#room(1).writeInt8(value, this.#at);
    return this.#advance(1);
  }

  int16(value: number): this {
    this.#room(2).writeInt16BE(value, this.#at);
    return this.#advance(2);
  }

  int32(value: number): this {
    this.#room(4).writeInt32BE(value, this.#at);
    return this.#advance(4);
  }

  int64(value: bigint | number): this {
    this.#room(8).writeBigInt64BE(BigInt(value), this.#at);
    return this.#advance(8);
  }

  boolean(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  uvarint(value: number): this {
    let left = value;
    while (left > 127) {
      this.#room(1).writeUInt8((left & 127) | 128, this.#at);
      this.#advance(1);
      left >>>= 7;
    }
    this.#room(1).writeUInt8(left, this.#at);
    return this.#advance(1);
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const length = Buffer.byteLength(value);
    this.int16(length);
    this.#room(length).write(value, this.#at, 'utf8');
    return this.#advance(length);
  }

  compactString(value: string | null): this {
    if (value === null) return this.uvarint(0);
    const length = Buffer.byteLength(value);
    this.uvarint(length + 1);
    this.#room(length).write(value, this.#at, 'utf8');
    return this.#advance(length);
  }

  bytes(value: Buffer): this {
    return this.int32(value.length).reference(value);
  }

  /** Bytes without a length, taken by reference: the caller never changes them again. */
  reference(value: Buffer): this {
    if (value.length === 0) return this;
    this.#flush();
    this.#chunks.push(value);
    this.#size += value.length;
    return this;
  }

  array<T>(items: readonly T[] | null, item: (value: T) => void): this {
    if (items === null) return this.int32(-1);
    this.int32(items.length);
    for (const value of items) item(value);
    return this;
  }

  compactArray<T>(items: readonly T[], item: (value: T) => void): this {
    this.uvarint(items.length + 1);
    for (const value of items) item(value);
    return this;
  }

  /** No tagged fields. */
  tags(): this {
    return this.uvarint(0);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#size + this.#at;
  }

  /** What was written, as the pieces to write to a socket one after the other. */
  chunks(): Buffer[] {
    this.#flush();
    return this.#chunks;
  }

  toBuffer(): Buffer {
    return Buffer.concat(this.chunks());
  }

  #advance(bytes: number): this {
    this.#at += bytes;
    return this;
  }

  #room(bytes: number): Buffer {
    if (this.#at + bytes > this.#chunk.length) {
      this.#flush();
      this.#chunk = Buffer.allocUnsafe(Math.max(bytes, this.#chunk.length * 2, FIRST_CHUNK));
    }
    return this.#chunk;
  }

  #flush(): void {
    if (this.#at === 0) return;
    this.#chunks.push(this.#chunk.subarray(0, this.#at));
    this.#size += this.#at;
    this.#chunk = this.#chunk.subarray(this.#at);
    this.#at = 0;
  }
}
