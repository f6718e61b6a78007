/** Codes whose cause is in the checkpoint table. */
import { expect } from 'vitest';
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Pipeline } from '../../faults/pipeline.ts';
import { type Case, runOf } from './follow.ts';
import { UPDATE } from './kafka-cases.ts';
import type { Stage } from './stage.ts';

type Item = Record<string, AttributeValue>;
const removed = new WeakMap<Pipeline, Item>();

/** Of two windows that wait the first is deleted by hand, and one partition meets that. */
async function withGap(stage: Stage): Promise<Pipeline> {
  const table = await stage.table();
  const pipeline = await stage.published({ table });
  for (const name of ['x', 'y']) {
    await stage.waiting(pipeline, `UPDATE $T SET NAME = '${name}' WHERE ID IN (1, 3)`);
  }
  const { windows } = (await pipeline.state())!;
  expect(windows).toHaveLength(2);
  const items = await table.items();
  const item = items.find(({ sk }) => sk!.S!.startsWith('window#') && Number(sk!.S!.slice(7)) === windows[0]!.number)!;
  removed.set(pipeline, item);
  await table.remove(item);
  await pipeline.publish(0);
  expect(await pipeline.partition(0)).toMatchObject({ state: 'needs-operator' });
  return pipeline;
}

const wide = Array.from({ length: 800 }, (_, n) => `${'C'.repeat(250)}${n}`);
const narrow = { include: null, exclude: wide, computed: [], where: null, masks: [], skip: [] };

export const STATE_CASES: readonly Case[] = [
  {
    code: 'STATE_DISAGREES',
    what: 'the checkpoint table was restored to its first window',
    ways: ['anew'],
    drive: async (stage) => {
      const pipeline = await stage.published();
      await stage.change(pipeline, UPDATE);
      await pipeline.run(2);
      const restored = await stage.table();
      const state = (await pipeline.state())!;
      const { name } = pipeline.source;
      const [first] = await pipeline.store.windows(name, 1, 1);
      await restored.store.create(name, { ...state.meta, finishedThrough: 0, recountedThrough: 0 });
      await restored.store.putPartitions(name, 2);
      await restored.store.putLayout(name, state.layouts.get(1)!);
      await restored.store.putWindow(name, first!);
      const again = await stage.stands.pipeline({ source: { ...pipeline.source }, table: restored });
      Object.assign(again.config, { app: pipeline.config.app });
      return again;
    },
  },
  {
    code: 'STATE_TOO_LARGE',
    what: 'an edit takes all columns of a very wide table',
    drive: async (stage) => {
      const columns = ['NAME VARCHAR', ...wide.map((name) => `${name} NUMBER(9,0)`)].join(', ');
      const pipeline = await stage.published({ source: { shape: narrow } }, columns);
      Object.assign(pipeline.source, { shape: null });
      Object.assign(pipeline.config, { deployment: pipeline.config.deployment + 1 });
      await stage.change(pipeline, UPDATE);
      return pipeline;
    },
    edit: ({ source }) => void Object.assign(source, { shape: narrow }),
  },
  {
    code: 'LOG_GAP',
    what: 'a window was deleted by hand, and is put back',
    drive: withGap,
    mend: (_, pipeline) => pipeline.table.put(removed.get(pipeline)!),
  },
  {
    code: 'LOG_GAP',
    what: 'a window is gone for good',
    ways: ['anew'],
    drive: withGap,
    run: [runOf('STATE_DISAGREES')[0], runOf('HISTORY_LOST')[0]],
  },
];
