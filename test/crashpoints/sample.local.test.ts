import { expect, test } from 'vitest';
import type { CrashPoint } from './points.ts';
import { enumerate, isRight, wordsOf } from './run.ts';

/** One of each mode, where it hurts most; `npm run crashpoints` has all of them. */
const points: CrashPoint[] = [
  { type: 'kafka EndTxn', mode: 'reply lost' },
  { type: 'kafka Produce', mode: 'frozen and thawed' },
  { type: 'dynamodb commit', mode: 'not sent' },
  { type: 'dynamodb reconcile', mode: 'crash after the reply' },
];

test(
  'a fault at a request of each kind: it happened, no defect, no unknown request',
  { timeout: 120_000 },
  async () => {
    const { runs, unknownTypes } = await enumerate({ points, broker: 'local', seed: 1, progress: () => undefined });
    expect(runs.filter((run) => !isRight(run)).map(wordsOf)).toEqual([]);
    expect(runs).toHaveLength(points.length);
    expect(unknownTypes).toEqual([]);
  },
);
