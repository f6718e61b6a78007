/** What the warehouse does for us: told as metrics, and counted against the day's budget where there is one. */
import type { Budget } from './ports/checkpoints.ts';
import type { Clock, Telemetry } from './ports/effects.ts';

const MINUTE_MS = 60_000;

export type WarehousePorts = { clock: Clock; telemetry: Telemetry; budget?: Budget };

/** A statement was submitted to it. */
export function submitted({ telemetry }: WarehousePorts, source: string): void {
  telemetry.count('WarehouseStatements', 1, { source });
}

/** A statement that was submitted at `since` has ended, or is seen to run still: then it costs already. */
export async function worked(ports: WarehousePorts, source: string, since: number, ended = true): Promise<void> {
  const now = ports.clock.now();
  if (ended) ports.telemetry.count('WarehouseSeconds', (now - since) / 1000, { source });
  await ports.budget?.used(since, now);
}

/** Tells the budget, once a minute, of a statement that runs: another's that ends meanwhile must not hide the time before it. */
export function running(
  { clock, budget }: Pick<WarehousePorts, 'clock' | 'budget'>,
  since: number,
): () => Promise<void> {
  let told = since;
  return async () => {
    const now = clock.now();
    if (budget === undefined || now - told < MINUTE_MS) return;
    told = now;
    await budget.used(since, now);
  };
}

/** Whether the day's budget is used up: no window is opened, nothing is counted again; what runs is finished. */
export async function isSpent({ clock, budget }: Pick<WarehousePorts, 'clock' | 'budget'>): Promise<boolean> {
  return budget !== undefined && (await budget.spent(clock.now())) >= 1;
}
