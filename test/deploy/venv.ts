/** What comes from PyPI, pinned in a requirements.txt, in an environment of its own: .cache/venv-<name>. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

/** Folder of its programs; installs them unless they are there. @throws with pip's output */
export function pythonTools(name: string, requirements: string): string {
  const folder = join(root, '.cache', `venv-${name}`);
  /** Written last: what is installed. */
  const stamp = join(folder, 'installed.txt');
  const bin = join(folder, 'bin');
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return bin;
  rmSync(folder, { recursive: true, force: true });
  run('python3', ['-m', 'venv', folder]);
  run(join(bin, 'pip'), ['install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
  writeFileSync(stamp, wanted);
  return bin;
}

function run(program: string, args: string[]): void {
  const { status, error, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status === 0) return;
  const said = error === undefined ? `${stdout}${stderr}` : error.message;
  throw new Error(`${program} ${args.join(' ')}: ${said}\nThis needs Python 3.10 or newer with venv.`);
}
