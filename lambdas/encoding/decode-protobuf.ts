/** Protobuf by the schema it was written with: fields as texts. Only what protobuf-schema.ts writes is known. */
import { dateText, decimalText, doubleText, timestampText, timeText } from './decoded.ts';
import type { Decode, Decoded } from './decode-avro.ts';
import { flatNames } from './envelope.ts';
import { flatNumbers, registeredFields } from './protobuf-schema.ts';

type Wire = bigint | Buffer;
/** By field number: where it goes, and how. */
type Message = Map<number, { name: string; read: (value: Wire) => string | Decoded }>;

const NANOS = 1_000_000_000n;
const ENVELOPE = { before: 1, after: 2, source: 3, op: 4 };

/** The file's first message. @throws for a schema that is none of ours */
export function protobufDecoder(text: string): Decode {
  const first = /\bmessage\s+(\w+)/.exec(text)?.[1];
  const message =
    first === 'Envelope' ? envelope(text) : first === 'Key' || first === 'Value' ? row(text, first) : null;
  if (message === null) throw new Error('an unknown schema');
  return (bytes, from) => decode(message, bytes.subarray(from));
}

function envelope(text: string): Message {
  const image = row(text, 'Value');
  const source: Message = new Map();
  const body = /\bmessage\s+Source\s*\{([^{}]*)/.exec(text)?.[1] ?? '';
  for (const [, name, number] of body.matchAll(/\bint64\s+(window|row)\s*=\s*(\d+)/g))
    source.set(Number(number), { name: name!, read: readerOf('int64') });
  const inner = (message: Message) => (value: Wire) => decode(message, bytesOf(value));
  return new Map([
    [ENVELOPE.before, { name: 'before', read: inner(image) }],
    [ENVELOPE.after, { name: 'after', read: inner(image) }],
    [ENVELOPE.source, { name: 'source', read: inner(source) }],
    [ENVELOPE.op, { name: 'op', read: readerOf('string') }],
  ]);
}

/** A key, an image, or a flat record. */
function row(text: string, name: string): Message {
  const message: Message = new Map(
    registeredFields(text, name).map((field) => [field.number, { name: field.name, read: readerOf(field.type) }]),
  );
  const [op, , window, number] = flatNumbers;
  message.set(op, { name: flatNames[0], read: readerOf('string') });
  message.set(window, { name: flatNames[2], read: readerOf('int64') });
  return message.set(number, { name: flatNames[3], read: readerOf('int64') });
}

function decode(message: Message, bytes: Buffer): Decoded {
  const decoded: Decoded = {};
  for (const [number, value] of fieldsOf(bytes)) {
    const field = message.get(number);
    if (field !== undefined) decoded[field.name] = field.read(value);
  }
  return decoded;
}

function readerOf(type: string): (value: Wire) => string {
  switch (type.split('.').at(-1)) {
    case 'string':
      return (value) => bytesOf(value).toString();
    case 'bytes':
      return (value) => bytesOf(value).toString('base64');
    case 'bool':
      return (value) => (value === 0n ? 'false' : 'true');
    case 'int32':
    case 'int64':
      return (value) => signed(value).toString();
    case 'double':
      return (value) => doubleText(bytesOf(value).readDoubleLE());
    case 'Decimal':
      return (value) => {
        const fields = new Map(fieldsOf(bytesOf(value)));
        return decimalText(bytesOf(fields.get(1) ?? Buffer.alloc(0)), Number(signed(fields.get(3) ?? 0n)));
      };
    case 'Date':
      return (value) => {
        const [year, month, day] = numbersOf(value, 3);
        return dateText(new Date(0).setUTCFullYear(Number(year), Number(month) - 1, Number(day)) / 86_400_000);
      };
    case 'TimeOfDay':
      return (value) => {
        const [hour, minute, second, nanos] = numbersOf(value, 4) as [bigint, bigint, bigint, bigint];
        return timeText(((hour * 60n + minute) * 60n + second) * NANOS + nanos);
      };
    case 'Timestamp':
      return (value) => {
        const [seconds, nanos] = numbersOf(value, 2) as [bigint, bigint];
        return timestampText(seconds * NANOS + nanos);
      };
    default:
      throw new Error('an unknown type');
  }
}

/** The first fields of a message of whole numbers; one that is not there is 0. */
function numbersOf(value: Wire, count: number): bigint[] {
  const fields = new Map(fieldsOf(bytesOf(value)));
  return Array.from({ length: count }, (_, index) => signed(fields.get(index + 1) ?? 0n));
}

function* fieldsOf(bytes: Buffer): Generator<[number: number, value: Wire]> {
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) break;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new Error('cut short');
  };
  const taken = (size: number) => {
    if (at + size > bytes.length) throw new Error('cut short');
    at += size;
    return bytes.subarray(at - size, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    if (tag % 8 === 0) yield [number, varint()];
    else if (tag % 8 === 1) yield [number, taken(8)];
    else if (tag % 8 === 2) yield [number, taken(Number(varint()))];
    else throw new Error('an unknown wire type');
  }
}

function signed(value: Wire): bigint {
  if (typeof value !== 'bigint') throw new Error('not a number');
  return BigInt.asIntN(64, value);
}

function bytesOf(value: Wire): Buffer {
  if (typeof value === 'bigint') throw new Error('not bytes');
  return value;
}
