/** Records as text that a test can read. */
import { SnowmeltError } from '../../../lambdas/errors.ts';
import type { Encoders } from '../../../lambdas/protocol/ports/records.ts';
import type { RowBatch } from '../../../lambdas/protocol/ports/snowflake.ts';

/** A value that no record can carry. */
export const UNFIT = 'unfit';

/** Encodes key cell and op as text: `op|before|after` of the first cell. */
export const textEncoders: Encoders = {
  truncation: (window) => Promise.resolve({ key: Buffer.from('all'), value: Buffer.from(`t|||${window.number}:1`) }),
  schemaChange: (window) => ({ key: Buffer.from('schema'), value: Buffer.from(`schema ${window.number}`) }),
  progress: (window, partition, dead) => ({
    key: Buffer.from('end'),
    value: Buffer.from(`${window.number} ${partition} ${dead}`),
  }),
  deadLetter: (window, _layout, partition, { code, op, row }) => ({
    key: Buffer.from(`${window.number}:${partition}:${row}`),
    value: Buffer.from(`${code} ${op}`),
  }),
  headers: () => null,
  forWindow: async (window) => {
    const width = window.columns.length + 4;
    const cell = (batch: RowBatch | null, row: number, c: number) => {
      if (batch === null) return '';
      const at = 2 * (row * width + c);
      return Buffer.from(batch.bytes.subarray(batch.offsets[at], batch.offsets[at + 1])).toString();
    };
    const encoder = {
      bytes: new Uint8Array(0),
      keyStart: 0,
      keyEnd: 0,
      valueStart: 0,
      valueEnd: 0,
      tombstones: true,
      encode(
        op: string,
        before: RowBatch | null,
        beforeRow: number,
        after: RowBatch | null,
        afterRow: number,
        row: number,
      ) {
        const key = cell(after ?? before, after === null ? beforeRow : afterRow, window.columns.length);
        const images = [cell(before, beforeRow, 0), cell(after, afterRow, 0)];
        if (images.includes(UNFIT)) throw new SnowmeltError('VALUE_UNFIT', 'a value that no record can carry');
        const value = `${op}|${images.join('|')}|${window.number}:${row}`;
        encoder.bytes = Buffer.from(key + value);
        encoder.keyEnd = Buffer.byteLength(key);
        encoder.valueStart = encoder.keyEnd;
        encoder.valueEnd = encoder.bytes.length;
      },
    };
    return encoder;
  },
};
