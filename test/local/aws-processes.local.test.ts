import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { buildAssembly } from './aws-fixture/assembly.ts';

it.runIf(process.platform === 'linux')('all processes end with their parent, even one that is killed', async () => {
  const built = await buildAssembly();
  const program = join(import.meta.dirname, 'aws-fixture', 'parent.ts');
  const parent = spawn(process.execPath, [program, built.folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(parent.stdout), 'line')) as [string];
  const pids = JSON.parse(line) as number[];
  expect(pids).toHaveLength(2); // dynalite and the function
  parent.kill('SIGKILL');
  await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([]);
  built.remove();
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
