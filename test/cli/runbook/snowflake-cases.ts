/** Codes whose cause is in Snowflake: a table, its rows, a result. */
import { expect } from 'vitest';
import type { Pipeline } from '../../faults/pipeline.ts';
import type { Case } from './follow.ts';
import { UPDATE } from './kafka-cases.ts';
import type { Stage } from './stage.ts';

const all = { include: null, exclude: [], computed: [], where: null, masks: [], skip: [] };

/** Each of two columns under the name of the other. */
const swapNames = async (stage: Stage, pipeline: Pipeline) =>
  stage.change(
    pipeline,
    'ALTER TABLE $T RENAME COLUMN NAME TO OTHER',
    'ALTER TABLE $T RENAME COLUMN NICK TO NAME',
    'ALTER TABLE $T RENAME COLUMN OTHER TO NICK',
  );

/** A row becomes visible after its window was read, and the recount finds that out. */
export async function withLateRow(stage: Stage): Promise<Pipeline> {
  const pipeline = await stage.published();
  const { control } = stage.stands.snowflake;
  await control.engine({ visibilityDelayMs: 2_000 });
  await stage.stands.sql(`INSERT INTO ${pipeline.tableName} (ID, NAME) VALUES (8, 'late')`);
  await control.engine({ visibilityDelayMs: 0 });
  await stage.change(pipeline, UPDATE);
  await pipeline.run(2);
  const asked = async () => {
    await pipeline.finish();
    await pipeline.store.updateMeta(pipeline.source.name, { recountedThrough: 1 });
    await pipeline.recount();
    return (await pipeline.state())!.meta.request?.kind;
  };
  await expect.poll(asked, { timeout: 15_000 }).toBe('repair');
  return pipeline;
}

export const SNOWFLAKE_CASES: readonly Case[] = [
  {
    code: 'HISTORY_LOST',
    what: 'the table was made anew',
    drive: async (stage) => {
      const pipeline = await stage.published();
      await stage.change(
        pipeline,
        'CREATE OR REPLACE TABLE $T (ID NUMBER(9,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE',
        `INSERT INTO $T VALUES (9, 'nine')`,
      );
      return pipeline;
    },
  },
  {
    code: 'DUPLICATE_KEY',
    what: 'two rows have one key',
    drive: async (stage) => {
      const pipeline = await stage.published();
      await stage.change(pipeline, `INSERT INTO $T VALUES (4, 'four'), (4, 'vier')`);
      return pipeline;
    },
    mend: (stage, pipeline) => stage.change(pipeline, `DELETE FROM $T WHERE NAME = 'vier'`),
  },
  {
    code: 'TYPE_UNSUPPORTED',
    what: 'a column came that can not be read',
    drive: async (stage) => {
      const pipeline = await stage.published();
      await stage.change(pipeline, 'ALTER TABLE $T ADD COLUMN SCAN FILE', UPDATE);
      return pipeline;
    },
    edit: ({ source }) => void Object.assign(source, { shape: { ...all, exclude: ['SCAN'] } }),
  },
  {
    code: 'WINDOW_CHANGED',
    what: 'columns were renamed under a window whose result was gone',
    drive: async (stage) => {
      const pipeline = await stage.published({}, 'NAME VARCHAR, NICK VARCHAR');
      await stage.waiting(pipeline, UPDATE);
      await stage.stands.snowflake.control.expireResults();
      await swapNames(stage, pipeline);
      return pipeline;
    },
    mend: swapNames,
  },
  {
    code: 'RESULT_EXPIRED',
    what: 'a repair rests on results that were gone before it was sent',
    drive: async (stage) => {
      const pipeline = await withLateRow(stage);
      await pipeline.tick();
      expect((await pipeline.state())!.head).toMatchObject({ kind: 'repair' });
      await stage.stands.snowflake.control.expireResults();
      return pipeline;
    },
  },
];
