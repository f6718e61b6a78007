/** Records as text, `op|before|after|window:row:partition`, so that each can be told from every other; ENDs and dead letters too. */
import { SnowmeltError } from '../../../lambdas/errors.ts';
import type { Encoders, RecordEncoder } from '../../../lambdas/protocol/ports/records.ts';
import type { RowBatch } from '../../../lambdas/protocol/ports/snowflake.ts';

const VALUE = 1;
/** How values end that no record can carry, and those that make it too large. */
export const UNFIT = '!';
export const OVERSIZE = '#';

export function isOversize(record: string): boolean {
  return record.split('|').some((part) => part.endsWith(OVERSIZE));
}

export const textEncoders: Encoders = {
  truncation: (window) =>
    Promise.resolve({ key: Buffer.from('truncate'), value: Buffer.from(`t|||${window.number}:1:0`) }),
  schemaChange: (window) => ({ key: Buffer.from('schema'), value: Buffer.from(`s|||${window.number}:1:0`) }),
  // After all rows of its window.
  progress: (window, partition, dead) => ({
    key: Buffer.from(`end ${partition}`),
    value: Buffer.from(`e|${dead}||${window.number}:9999:${partition}`),
  }),
  deadLetter: (window, _layout, partition, { code, op, row }) => ({
    key: Buffer.from(`letter ${partition}`),
    value: Buffer.from(`l|${op} ${code}||${window.number}:${row}:${partition}`),
  }),
  headers: () => null,
  forWindow: async (window, _layout, partition) => {
    const cell = (batch: RowBatch | null, row: number, column: number) => {
      if (batch === null) return '';
      const at = 2 * (row * batch.width + column);
      return Buffer.from(batch.bytes.subarray(batch.offsets[at], batch.offsets[at + 1])).toString();
    };
    const encoder: RecordEncoder = {
      bytes: new Uint8Array(0),
      keyStart: 0,
      keyEnd: 0,
      valueStart: 0,
      valueEnd: 0,
      tombstones: true,
      encode(op, before, beforeRow, after, afterRow, row) {
        const key = cell(after ?? before, after === null ? beforeRow : afterRow, window.columns.length);
        const id = `${window.number}:${row}:${partition}`;
        const images = [cell(before, beforeRow, VALUE), cell(after, afterRow, VALUE)];
        if (images.some((image) => image.endsWith(UNFIT))) throw new SnowmeltError('VALUE_UNFIT', 'a value too odd');
        const value = `${op}|${images.join('|')}|${id}`;
        this.bytes = Buffer.from(key + value);
        this.keyEnd = Buffer.byteLength(key);
        this.valueStart = this.keyEnd;
        this.valueEnd = this.bytes.length;
      },
    };
    return encoder;
  },
};
