/** How EventBridge delivers under chaos: at least once is the promise, and of the planner's ticks and calls some are lost. */
import { Random } from '../../local/demo/random.ts';

export type Deliveries = { counts: Record<string, number>; next: () => number[]; calm(): void };

const SHARES = { once: 64, lost: 8, doubled: 9, late: 9, overlapping: 10 } as const;
const LATE_MS = 4_000;

export function chaoticDeliveries(seed: number): Deliveries {
  const random = new Random(seed);
  const counts: Record<string, number> = {};
  let calm = false;
  return {
    counts,
    calm: () => (calm = true),
    next: () => {
      const how = calm ? 'once' : random.weighted(SHARES);
      if (how !== 'once') counts[`event ${how}`] = (counts[`event ${how}`] ?? 0) + 1;
      if (how === 'once') return [0];
      if (how === 'lost') return [];
      if (how === 'late') return [random.whole(500, LATE_MS)];
      return how === 'doubled' ? [0, random.whole(1, LATE_MS)] : [0, 0];
    },
  };
}
