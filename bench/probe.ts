/**
 * Loaded into a measured function's process before its bundle: at SIGUSR2 prints what was used since the signal before, as
 * one line. Costs a timer of 5 ms. With BENCH_PROFILE=<folder> a CPU profile of that time is written there.
 */
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { join } from 'node:path';
import { milliseconds, StallMeter } from './measured/meter.ts';

export const PROBE = '\0bench ';
export type Probed = { cpuMs: number; stallMs: number; heapMb: number };

const stalls = new StallMeter();
let cpu = process.cpuUsage();

const profiles = process.env['BENCH_PROFILE'];
let profiler: Session | null = null;

/** Ends a profile or begins one. */
async function profile(folder: string): Promise<void> {
  if (profiler === null) {
    profiler = new Session();
    profiler.connect();
    await profiler.post('Profiler.enable');
    await profiler.post('Profiler.start');
    return;
  }
  const { profile: taken } = await profiler.post('Profiler.stop');
  writeFileSync(join(folder, `publish-${process.pid}.cpuprofile`), JSON.stringify(taken));
}

process.on('SIGUSR2', () => void answer());

async function answer(): Promise<void> {
  const probed: Probed = {
    cpuMs: milliseconds(process.cpuUsage(cpu)),
    stallMs: stalls.longestMs(),
    heapMb: process.memoryUsage().heapUsed / 2 ** 20,
  };
  if (profiles !== undefined) await profile(profiles);
  process.stdout.write(`${PROBE}${JSON.stringify(probed)}\n`);
  cpu = process.cpuUsage();
  stalls.reset();
}
