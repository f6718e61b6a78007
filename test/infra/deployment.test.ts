import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { deploymentNumber } from '../../infra/deployment.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowmelt-git-'));
afterAll(() => rmSync(folder, { recursive: true }));

const NOW = Date.parse('2026-11-22T12:00:00.900Z');

function git(...args: string[]): void {
  const who = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' };
  const env = { ...process.env, ...who, GIT_COMMITTER_DATE: '2026-01-02T03:04:05Z', GIT_CONFIG_GLOBAL: '/dev/null' };
  execFileSync('git', args, { cwd: folder, env, stdio: 'ignore' });
}

test('a number that was given counts; anything else is refused', () => {
  expect(deploymentNumber('17', folder, NOW)).toBe(17);
  expect(() => deploymentNumber('tomorrow', folder, NOW)).toThrow('-c deployment=tomorrow: must be a whole number');
});

test('the time of the commit, or of now as long as something is not committed', () => {
  const now = Math.floor(NOW / 1000);
  expect(deploymentNumber(undefined, folder, NOW)).toBe(now);
  git('init');
  expect(deploymentNumber(undefined, folder, NOW)).toBe(now);
  writeFileSync(join(folder, 'a'), '1');
  git('add', '.');
  git('commit', '-m', 'first');
  expect(deploymentNumber(undefined, folder, NOW)).toBe(Date.parse('2026-01-02T03:04:05Z') / 1000);
  writeFileSync(join(folder, 'a'), '2');
  expect(deploymentNumber(undefined, folder, NOW)).toBe(now);
});
