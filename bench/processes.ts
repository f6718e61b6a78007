/** Processes on cores of their own: the measured one alone on the first, everything else on the others. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import type { Measured } from './measured/meter.ts';

const cores = availableParallelism();
/** Whether processes can be pinned: Linux's taskset, and a core to spare. */
export const pinned = cores > 1 && spawnSync('taskset', ['--version']).status === 0;
export const MEASURED_CORE = 0;

/** Moves this process, and so every one that it will start, to the other cores. */
export function makeRoom(): void {
  if (pinned) pin(process.pid, `1-${cores - 1}`);
}

/** Moves a process with all its threads. */
export function pin(pid: number, to: string = String(MEASURED_CORE)): void {
  if (pinned) execFileSync('taskset', ['-a', '-c', '-p', to, String(pid)], { stdio: 'ignore' });
}

/** Runs `file` with Node on the measured core; its last line is its result. */
export async function runMeasured(
  file: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Measured> {
  return JSON.parse(await runPinned([process.execPath, file, ...args], env)) as Measured;
}

/** Runs a command on the measured core and answers its last line. */
export async function runPinned(command: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const [program = '', ...args] = pinned ? ['taskset', '-c', String(MEASURED_CORE), ...command] : command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  let last = '';
  createInterface(child.stdout).on('line', (line) => (last = line));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}`);
  return last;
}

export type Service = { line: string; pid: number; stop(): Promise<void> };

/** Starts a Node program that prints one line when it is ready and ends with its stdin. */
export async function startService(file: string, args: readonly string[]): Promise<Service> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const first = await Promise.race([once(createInterface(child.stdout), 'line'), exited.then(() => null)]);
  if (first === null) throw new Error(`${file} ended before it was ready`);
  return {
    line: String(first[0]),
    pid: child.pid!,
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
