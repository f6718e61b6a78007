/** Values out of records -> the text that their cells had (snowflake/sql/casts.ts), so that both can be held against each other. */
import type { RowBatch } from '../protocol/ports/snowflake.ts';
import type { Column } from '../protocol/window.ts';

/** What a schema says of a field, where it is not plain: the logical type that Kafka Connect knows. */
export type Logical = { name: string | null; scale: number };

const DAY_MS = 86_400_000;
const DAY_NANOS = 86_400_000_000_000n;
const NANOS = 1_000_000_000n;

/** Of a whole number, by what its schema calls it. Others are their digits. */
export function wholeText({ name }: Logical, value: bigint): string {
  switch (name) {
    case 'org.apache.kafka.connect.data.Date':
      return dateText(Number(value));
    case 'org.apache.kafka.connect.data.Time':
      return timeText(value * 1_000_000n);
    case 'io.debezium.time.MicroTime':
      return timeText(value * 1_000n);
    case 'io.debezium.time.NanoTime':
      return timeText(value);
    case 'org.apache.kafka.connect.data.Timestamp':
      return timestampText(value * 1_000_000n);
    case 'io.debezium.time.MicroTimestamp':
      return timestampText(value * 1_000n);
    default:
      return value.toString();
  }
}

/** Of bytes: a decimal's digits, else Base64. */
export function bytesText({ name, scale }: Logical, value: Buffer): string {
  if (name !== 'org.apache.kafka.connect.data.Decimal') return value.toString('base64');
  return decimalText(value, scale);
}

/** `unscaled`: two's complement, big endian. */
export function decimalText(unscaled: Buffer, scale: number): string {
  const hex = unscaled.toString('hex');
  const value = BigInt.asIntN(8 * unscaled.length, hex === '' ? 0n : BigInt(`0x${hex}`));
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return value < 0n ? `-${text}` : text;
}

/** @throws RangeError for what is no date */
export function dateText(days: number): string {
  return new Date(days * DAY_MS).toISOString().slice(0, 10);
}

export function timeText(nanos: bigint): string {
  const seconds = new Date(Number(nanos / NANOS) * 1000).toISOString().slice(11, 19);
  return `${seconds}.${String(nanos % NANOS).padStart(9, '0')}`;
}

export function timestampText(nanos: bigint): string {
  const rest = nanos % DAY_NANOS;
  const days = nanos / DAY_NANOS - (rest < 0n ? 1n : 0n);
  return `${dateText(Number(days))}T${timeText(nanos - days * DAY_NANOS)}`;
}

const SPECIAL: Readonly<Record<string, string>> = {
  nan: 'NaN',
  inf: 'Infinity',
  '-inf': '-Infinity',
  infinity: 'Infinity',
  '-infinity': '-Infinity',
};

/** The shortest digits of a double, whatever text it came as. */
export function doubleText(value: number | string): string {
  return typeof value === 'number' ? String(value) : (SPECIAL[value.toLowerCase()] ?? String(Number(value)));
}

/** One text for what is the same value: formats differ in whether they say the zone, and how they write a double. */
export function sameText({ type }: Column, text: string): string {
  switch (type) {
    case 'FLOAT':
      return doubleText(text);
    case 'TIMESTAMP_NTZ':
      return text.endsWith('Z') ? text.slice(0, -1) : text;
    case 'TIMESTAMP_LTZ':
      return text.endsWith('Z') ? text : `${text}Z`;
    default:
      return text;
  }
}

/** A cell of a batch, out of JSON's escapes. */
export function cellText({ bytes, offsets, width }: RowBatch, row: number, cell: number): string | null {
  const at = 2 * (row * width + cell);
  const start = offsets[at]!;
  if (start < 0) return null;
  const inside = Buffer.from(bytes.buffer, bytes.byteOffset + start, offsets[at + 1]! - start).toString();
  return inside.includes('\\') ? (JSON.parse(`"${inside}"`) as string) : inside;
}
