/** Runs the enumeration of crash points; its header says what and how many. `--all --seeds n` is for hand and CI. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Result } from './crash-points.ts';

const main = fileURLToPath(new URL('crash-points.ts', import.meta.url));

test('every kind of request, every fault, every mode: 0 defects', { timeout: 180_000 }, async () => {
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [main], { maxBuffer: 1e8 }, (_error, stdout, stderr) => resolve(stdout || stderr));
  });
  const { failures, unknown, runs, kinds, modes } = JSON.parse(output) as Result;
  console.log(
    `${runs} runs of request x fault, ${modes} modes, ${kinds.length} kinds of request: ${failures.length} with defects`,
  );
  expect(failures).toEqual([]);
  expect(unknown).toEqual([]);
  expect(runs).toBeGreaterThan(1_500);
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
