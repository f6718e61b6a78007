import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { summary, type Report } from '../../scripts/sum-tests.ts';

const root = join(import.meta.dirname, '../..');
/** A PATH with what .ci/run needs before it starts, and neither Java nor Maven, Spin nor apt-get. */
const bin = mkdtempSync(join(tmpdir(), 'snowmelt-bin-'));
afterAll(() => rmSync(bin, { recursive: true }));
for (const tool of ['bash', 'dirname']) {
  symlinkSync(execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(), join(bin, tool));
}

describe('.ci/run', () => {
  test.each([
    [
      ['--without=kafka'],
      /unknown argument '--without=kafka'; known are --without=java, --without=spin and --without=python/,
    ],
    [[], /'java' is missing.*--without=java/],
    [['--without=java'], /'spin' is missing.*--without=spin/],
    [['--without=java', '--without=spin'], /Python 3.10 or newer.*--without=python/],
  ])('%j ends at once and says why', (args, message) => {
    const { status, stderr } = spawnSync(join(root, '.ci/run'), args, { env: { PATH: bin }, encoding: 'utf8' });
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });
});

describe('the sum of the runs', () => {
  const file = (status: string, ...tests: string[]): Report => ({
    testResults: [{ status, assertionResults: tests.map((test) => ({ status: test })) }],
  });

  test('passed, failed and skipped over all files', () => {
    expect(summary([file('passed', 'passed', 'passed'), file('failed', 'passed', 'failed')])).toBe(
      '3 passed, 1 failed',
    );
    expect(summary([file('passed', 'passed', 'skipped', 'todo', 'pending')])).toBe('1 passed, 0 failed, 3 skipped');
  });

  test('a file that breaks before its tests is a failure', () => {
    expect(summary([file('passed', 'passed'), file('failed')])).toBe('1 passed, 1 failed');
    expect(summary([file('failed', 'passed')])).toBe('1 passed, 1 failed');
  });

  test('nothing ran', () => {
    expect(summary([])).toBe('0 passed, 0 failed');
  });
});

test('a Node that is too old gets told', () => {
  const script = join(root, 'scripts/require-node.cjs');
  const pretend = `Object.defineProperty(process, 'versions', { value: { node: '22.1.0' } }); require(${JSON.stringify(script)});`;
  const old = spawnSync(process.execPath, ['-e', pretend], { encoding: 'utf8' });
  expect(old.stderr).toContain('Snowmelt needs Node 24 or newer');
  expect(old.status).toBe(1);
  expect(spawnSync(process.execPath, [script]).status).toBe(0);
});
