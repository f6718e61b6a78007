/** What the figures were taken on. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { pinned } from './processes.ts';

export type Machine = {
  cpu: string;
  cores: number;
  memoryGb: number;
  system: string;
  node: string;
  pinned: boolean;
  /** Average of the last minute before the benchmark began. */
  load: number;
};

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}${virtual() ? ', virtual' : ''}`,
    node: process.version,
    pinned,
    load: loadavg()[0]!,
  };
}

function virtual(): boolean {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8').includes('hypervisor');
  } catch {
    return false;
  }
}
