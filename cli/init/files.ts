/** What `init` writes: nothing where anything of it is there already, unless that is wanted. */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SnowmeltError } from '../../lambdas/errors.ts';

/** `secret`: nobody else may read it. */
export type NewFile = { path: string; text: string; secret?: true };

/** @throws NOT_WRITTEN with the files that are there already */
export function writeFiles(files: readonly NewFile[], force: boolean): void {
  const there = files.filter(({ path }) => existsSync(path)).map(({ path }) => path);
  if (there.length > 0 && !force)
    throw new SnowmeltError('NOT_WRITTEN', `Nothing was written: ${there.join(', ')} would be overwritten (--force).`);
  for (const file of files) write(file, force);
}

/** A file that is replaced is made anew: it keeps nobody's rights. */
function write({ path, text, secret }: NewFile, force: boolean): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    if (force) rmSync(path, { force: true });
    writeFileSync(path, text, { flag: 'wx', mode: secret ? 0o600 : 0o644 });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new SnowmeltError('NOT_WRITTEN', `${path}: can't be written (${code})`, { cause });
  }
}
