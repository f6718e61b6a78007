/** What becomes of a cell's bytes, against what JavaScript's own numbers, dates and texts say. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodedSize, writeDecoded, writeEncoded } from '../../lambdas/encoding/base64.ts';
import { ConnectCells } from '../../lambdas/encoding/connect-cells.ts';
import { Constant, copyText, Viewed } from '../../lambdas/encoding/copies.ts';
import { writeDouble, writeUnscaled } from '../../lambdas/encoding/decimal.ts';
import { Int64 } from '../../lambdas/encoding/int64.ts';
import { textSize, writeText } from '../../lambdas/encoding/text.ts';
import { Moment } from '../../lambdas/encoding/time.ts';
import { AvroRow } from '../../lambdas/encoding/avro.ts';
import { ImageWriter } from '../../lambdas/encoding/image.ts';
import { ProtobufRow } from '../../lambdas/encoding/protobuf.ts';
import { types } from '../../lambdas/encoding/types.ts';
import { batchOf, column } from './records.ts';
import { samples } from './samples.ts';

const malformed = expect.objectContaining({ code: 'RESULT_MALFORMED' }) as Error;
const bytesOf = (write: (to: Uint8Array) => number, room = 64) => {
  const to = Buffer.alloc(room, 0xaa);
  return to.subarray(0, write(to));
};

describe('copies', () => {
  const placed = fc.record({ length: fc.nat(300), from: fc.nat(9), at: fc.nat(9), behind: fc.nat(5) });
  const text = Buffer.from(Array.from({ length: 320 }, (_, at) => at % 251));

  test('of cells, and nothing beyond', () => {
    fc.assert(
      fc.property(placed, ({ length, from, at, behind }) => {
        // Views that begin and end where their memory does not.
        const source = text.subarray(1, 1 + from + length + behind);
        const to = Buffer.alloc(at + length + 5, 0xaa).subarray(1);
        const [sourceView, toView] = [new Viewed().of(source), new Viewed().of(to)];
        const end = copyText(source, sourceView, from, from + length, to, toView, at);
        expect(end).toBe(at + length);
        const around = [Buffer.alloc(at, 0xaa), source.subarray(from, from + length), Buffer.alloc(4, 0xaa)];
        expect(to).toEqual(Buffer.concat(around));
      }),
    );
  });

  test('of constants, and three bytes beyond at most', () => {
    fc.assert(
      fc.property(placed, ({ length, from, at }) => {
        const constant = text.subarray(from, from + length);
        const written = new Constant(constant);
        const to = Buffer.alloc(at + length + 8, 0xaa).subarray(1);
        expect(written.write(to, new Viewed().of(to), at)).toBe(at + length);
        expect(to.subarray(0, at + length)).toEqual(Buffer.concat([Buffer.alloc(at, 0xaa), constant]));
        expect(written.room).toBeLessThan(length + 4);
        expect(to.subarray(at + written.room)).toEqual(Buffer.alloc(7 + length - written.room, 0xaa));
      }),
    );
  });

  test('a view is of the bytes that are asked for', () => {
    const viewed = new Viewed();
    for (const bytes of [text.subarray(3), text.subarray(3, 9), new Uint8Array(4)]) {
      const { buffer, byteOffset, byteLength } = viewed.of(bytes);
      expect([buffer, byteOffset, byteLength]).toEqual([bytes.buffer, bytes.byteOffset, bytes.length]);
    }
  });
});

describe('decimals', () => {
  const unscaled = (text: string, scale: number) => {
    const from = Buffer.from(text);
    return bytesOf((to) => writeUnscaled(from, 0, from.length, scale, to, 0));
  };

  test('two’s complement in as few bytes as it takes', () => {
    const digits = fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n });
    fc.assert(
      fc.property(fc.oneof(digits, fc.bigInt({ min: -70_000n, max: 70_000n })), fc.nat(37), (value, scale) => {
        const whole = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
        const text = scale === 0 ? whole : `${whole.slice(0, -scale)}.${whole.slice(-scale)}`;
        const bytes = unscaled(value < 0n ? `-${text}` : text, scale);
        const size = bytes.length * 8;
        expect(BigInt.asIntN(size, BigInt(`0x${bytes.toString('hex')}`))).toBe(value);
        if (bytes.length > 1) expect(BigInt.asIntN(size - 8, value)).not.toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  test('zeros that a scale wants or that say nothing', () => {
    expect(unscaled('5', 2)).toEqual(Buffer.from([0x01, 0xf4]));
    expect(unscaled('-.5', 1)).toEqual(Buffer.from([0xfb]));
    expect(unscaled('1.500', 1)).toEqual(Buffer.from([0x0f]));
    expect(unscaled('1.', 0)).toEqual(Buffer.from([0x01]));
  });

  test.each(['', '-', '.', 'x', '1x', '1.25', '1..2', 'NaN', '1e3', '9'.repeat(40)])(
    '%j is none with one decimal',
    (text) => {
      expect(() => unscaled(text, 1)).toThrow(malformed);
    },
  );
});

test('doubles are those that JavaScript reads', () => {
  const double = (text: string) => {
    const from = Buffer.from(text);
    return bytesOf((to) => writeDouble(from, 0, from.length, to, 0)).readDoubleLE();
  };
  fc.assert(
    fc.property(fc.oneof(fc.double(), fc.double({ min: -1e6, max: 1e6 }), fc.integer()), (value) => {
      for (const text of [String(value), value.toExponential(), `${value}`.replace('e', 'E')]) {
        expect(double(text)).toBe(Number(text));
      }
    }),
    { numRuns: 500 },
  );
  expect(double('.5')).toBe(0.5);
  expect(double('+5.')).toBe(5);
  expect(double('-INF')).toBe(-Infinity);
  for (const text of ['', '-', '.', 'e5', '1e', '1e+', '0x10', ' 1', '1 ', '1_0', '--1', '1.2.3', '-nan']) {
    expect(() => double(text)).toThrow(malformed);
  }
});

describe('whole numbers', () => {
  const whole = fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n });
  const varint = (bytes: Buffer) => bytes.reduce((sum, byte, at) => sum | (BigInt(byte & 127) << BigInt(7 * at)), 0n);

  test('as varints, zigzag and two’s complement', () => {
    fc.assert(
      fc.property(fc.oneof(whole, fc.bigInt({ min: -300n, max: 300n })), (value) => {
        const number = new Int64();
        const text = Buffer.from(String(value));
        number.parse(text, 0, text.length);
        const zigzag = varint(bytesOf((to) => number.writeZigzag(to, 0)));
        expect((zigzag >> 1n) ^ -(zigzag & 1n)).toBe(value);
        expect(BigInt.asIntN(64, varint(bytesOf((to) => number.writeVarint(to, 0))))).toBe(value);
      }),
      { numRuns: 500 },
    );
  });

  test.each(['', '-', '1x', '1.5', `${'1'.repeat(19)}`, 'NaN', '1e3'])('%j is none', (text) => {
    expect(() => new Int64().parse(Buffer.from(text), 0, text.length)).toThrow(malformed);
  });
});

describe('dates and times', () => {
  const instant = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  });

  test('since 1970', () => {
    const inJson = new ConnectCells([types['TIMESTAMP_NTZ']!.connect(column('T', 'TIMESTAMP_NTZ', 6))]);
    fc.assert(
      fc.property(instant, fc.nat(999_999_999), (date, nanos) => {
        const text = Buffer.from(`${date.toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}`);
        const moment = new Moment();
        moment.parseTimestamp(text, 0, text.length);
        const seconds = Math.floor(date.getTime() / 1000);
        expect([moment.seconds, moment.nanos]).toEqual([seconds, nanos]);
        const micros = nanos - (nanos % 1000);
        const rounded = Buffer.from(`${date.toISOString().slice(0, 19)}.${String(micros).padStart(9, '0')}`);
        const total = BigInt(seconds) * 1_000_000n + BigInt(micros / 1000);
        expect(bytesOf((to) => inJson.write(0, rounded, 0, rounded.length, to, 0)).toString()).toBe(String(total));
        const number = new Int64();
        number.setInstant(seconds, 1e6, micros / 1000);
        const zigzag = bytesOf((to) => number.writeZigzag(to, 0));
        const unsigned = zigzag.reduce((sum, byte, at) => sum | (BigInt(byte & 127) << BigInt(7 * at)), 0n);
        expect((unsigned >> 1n) ^ -(unsigned & 1n)).toBe(total);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ['2026-1-01', '24:00:00', '2026-01-01 00:00:00'],
    ['2026-13-01', '00:60:00', '2026-01-01T00:00:00+00:00'],
    ['20260-01-01', '0:00:00', '2026-01-01T'],
    ['', '00:00:00.1234567891', '2026-01-01T00:00:00ZZ'],
    ['-001-01-01', '00:00:00.x', '12026-01-01T00:00:00'],
  ])('%j, %j and %j are none', (date, time, timestamp) => {
    const moment = new Moment();
    expect(() => moment.parseDate(Buffer.from(date), 0, date.length)).toThrow(malformed);
    expect(() => moment.parseTime(Buffer.from(time), 0, time.length)).toThrow(malformed);
    expect(() => moment.parseTimestamp(Buffer.from(timestamp), 0, timestamp.length)).toThrow(malformed);
  });

  test('a fraction finer than the type is refused', () => {
    const moment = new Moment();
    moment.parseTime(Buffer.from('00:00:00.123456789'), 0, 18);
    expect(moment.fraction(9)).toBe(123_456_789);
    expect(() => moment.fraction(6)).toThrow(malformed);
  });
});

describe('text', () => {
  const plain = (inside: Buffer) => {
    const size = textSize(inside, 0, inside.length);
    const bytes = bytesOf((to) => writeText(inside, 0, inside.length, size, to, 0), inside.length + 1);
    expect(bytes.length).toBe(size);
    return bytes.toString();
  };

  test('out of JSON’s escapes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.boolean(), (value, escapeAll) => {
        const escaped = escapeAll
          ? [...Array(value.length).keys()]
              .map((at) => `\\u${value.charCodeAt(at).toString(16).padStart(4, '0')}`)
              .join('')
          : JSON.stringify(value).slice(1, -1);
        expect(plain(Buffer.from(escaped))).toBe(value);
      }),
      { numRuns: 300 },
    );
    expect(plain(Buffer.from('\\/\\u00E9\\uD83D\\uDCA7'))).toBe('/é💧');
  });

  test.each(['\\', '\\x', '\\u12', '\\u12g4', '\\ud800', '\\ud800x', '\\ud800\\u0041', '\\udc00'])(
    '%j is none',
    (inside) => {
      expect(() => plain(Buffer.from(inside))).toThrow(malformed);
    },
  );
});

test('Base64, both ways', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.boolean(), (value, slashes) => {
      const text = Buffer.from(value).toString('base64');
      const inside = Buffer.from(slashes ? text.replaceAll('/', '\\/') : text);
      expect(decodedSize(inside, 0, inside.length)).toBe(value.length);
      const decoded = bytesOf((to) => writeDecoded(inside, 0, inside.length, to, 0), 80);
      expect(decoded.equals(value)).toBe(true);
      expect(bytesOf((to) => writeEncoded(value, 0, value.length, to, 0), 120).toString()).toBe(text);
    }),
  );
  for (const text of ['A', 'AAA', 'A===', '====', 'AA=A', 'AA-_', 'A A=']) {
    const from = Buffer.from(text);
    expect(() => bytesOf((to) => writeDecoded(from, 0, from.length, to, 0))).toThrow(malformed);
  }
});

test('no writer writes beyond the room that it asked for', () => {
  const head = Buffer.from('head');
  const deep = [1e8];
  for (const { column: one, texts } of samples) {
    const writers = [
      new ImageWriter([one], [0], false),
      new ImageWriter([one], [0], true),
      new AvroRow([one], [0], head),
      new ProtobufRow([one], [0], deep, head),
    ];
    for (const text of [...texts, null]) {
      const batch = batchOf([[text]]);
      for (const writer of writers) {
        const room = writer.room(batch, 0);
        const to = new Uint8Array(room);
        const end = writer.write(batch, 0, to, 0);
        const ample = new Uint8Array(2 * room);
        expect(writer.write(batch, 0, ample, 0)).toBe(end);
        expect(Buffer.compare(to.subarray(0, end), ample.subarray(0, end))).toBe(0);
        expect(end).toBeLessThanOrEqual(room);
      }
    }
  }
});
