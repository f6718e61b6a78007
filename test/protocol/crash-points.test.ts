/** The enumeration of crash points in some of its modes; `npm run crashpoints:memory`, a step of .ci/run, has all of them. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Result } from './crash-points.ts';

/** What each adds to the first: a second layout, a barrier, a window that an operator asked for. */
const MODES = ['net changes', 'layout change', 'truncate', 'a window is given up'];

const main = fileURLToPath(new URL('crash-points.ts', import.meta.url));

test('every kind of request, every fault: 0 defects', { timeout: 180_000 }, async () => {
  const output = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      [main, ...MODES.flatMap((mode) => ['--mode', mode])],
      { maxBuffer: 1e8 },
      (_error, stdout, stderr) => resolve(stdout || stderr),
    );
  });
  const { failures, unknown, runs, kinds, modes } = JSON.parse(output) as Result;
  console.log(
    `${runs} runs of request x fault, ${modes} modes, ${kinds.length} kinds of request: ${failures.length} with defects`,
  );
  expect(failures).toEqual([]);
  expect(unknown).toEqual([]);
  expect(modes).toBe(MODES.length);
  expect(runs).toBeGreaterThan(500);
  // The requests that exactly once rests on are among them.
  for (const request of [
    'acquire: UpdateItem partition',
    'open: InitProducerId',
    'open: OffsetFetch',
    'reconcile: UpdateItem partition',
    'read',
    'commit: AddPartitionsToTxn',
    'commit: Produce',
    'commit: AddOffsetsToTxn',
    'commit: TxnOffsetCommit',
    'commit: EndTxn',
    'commit: UpdateItem partition',
    'release: UpdateItem partition',
  ]) {
    expect(kinds).toContain(`publish ${request}`);
  }
});
