import { expect, test } from 'vitest';
import { runUntilIdle } from '../../local/demo/run.ts';
import { doTheRest, unneeded } from './rights.ts';

test(
  'snapshot, changes and idling while publishing processes are killed: no defect, and no right that is not needed',
  { timeout: 180_000 },
  async () => {
    const said: string[] = [];
    let notNeeded: string[] | null = null;
    const result = await runUntilIdle({
      rows: 5_000,
      seed: 7,
      config: 'config/local.yaml',
      partitions: null,
      broker: 'embedded',
      killEveryMs: 100,
      goals: {
        windows: 3,
        operations: 100,
        idleTicks: 2,
        kills: { kills: 4, killsInTransaction: 2, killsBeforeStore: 1 },
      },
      progress: (what) => said.push(what),
      hold: async (stack) => {
        await doTheRest(stack);
        notNeeded = unneeded(stack.aws.rights);
      },
    });
    expect(notNeeded).toEqual([]);
    expect(result, said.join('\n')).toMatchObject({
      rows: 5_000,
      missing: 0,
      duplicated: 0,
      reordered: 0,
      mismatched: 0,
      idleWarehouseStatements: 0,
    });
    expect(result.windows).toBeGreaterThanOrEqual(3);
    expect(result.kills).toBeGreaterThanOrEqual(4);
    expect(result.killsInTransaction).toBeGreaterThanOrEqual(2);
    expect(result.killsBeforeStore).toBeGreaterThanOrEqual(1);
    // Every row of the snapshot, and a record or two for most of the changes.
    expect(result.records).toBeGreaterThan(5_000 + 400);
    expect(result.transactions).toBeGreaterThanOrEqual(4);
    expect(result.warehouseResumes).toBeGreaterThanOrEqual(1);
    expect(result.peakRssMb).toBeGreaterThan(50);
  },
);
