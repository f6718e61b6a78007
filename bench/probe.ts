/**
 * Loaded into a measured function's process before its bundle: at SIGUSR2 prints what was used since the signal before, as
 * one line. Costs a timer of 5 ms.
 */
import { milliseconds, StallMeter } from './measured/meter.ts';

export const PROBE = '\0bench ';
export type Probed = { cpuMs: number; stallMs: number; heapMb: number };

const stalls = new StallMeter();
let cpu = process.cpuUsage();

process.on('SIGUSR2', () => {
  const probed: Probed = {
    cpuMs: milliseconds(process.cpuUsage(cpu)),
    stallMs: stalls.longestMs(),
    heapMb: process.memoryUsage().heapUsed / 2 ** 20,
  };
  process.stdout.write(`${PROBE}${JSON.stringify(probed)}\n`);
  cpu = process.cpuUsage();
  stalls.reset();
});
