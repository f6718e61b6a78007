/**
 * The deployment's number, which only grows: the time of the commit that is checked out, in seconds, so that synthesizing it again
 * changes nothing; the present time where there is no commit to go by. To deploy an older commit, revert to it or give a number:
 * `-c deployment=$(date +%s)`.
 */
import { execFileSync } from 'node:child_process';

export function deploymentNumber(given: string | number | undefined, folder: string, now: number = Date.now()): number {
  if (given !== undefined) {
    const number = Number(given);
    if (!Number.isSafeInteger(number) || number < 1) throw new Error(`-c deployment=${given}: must be a whole number`);
    return number;
  }
  return committedAt(folder) ?? Math.floor(now / 1000);
}

/** Null outside of git, without a commit, and with changes that are not committed. */
function committedAt(folder: string): number | null {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    if (git('status', '--porcelain').trim() !== '') return null;
    return Number(git('log', '-1', '--format=%ct').trim());
  } catch {
    return null;
  }
}
