/** Codes of records with a schema, and of the registry that has it. */
import { expect } from 'vitest';
import type { Case } from './follow.ts';
import { runOf } from './follow.ts';
import { UPDATE } from './kafka-cases.ts';
import type { Pipeline } from '../../faults/pipeline.ts';
import type { Stage } from './stage.ts';

const all = { include: null, exclude: [], computed: [], where: null, masks: [], skip: [] };

/** As the owner of a subject relaxes its rule. */
const relax = ({ registry }: Stage, { source }: Pipeline) => void registry.levels.set(`${source.topic}-value`, 'NONE');

/** A column that readers of the new schema have no value for in older records. */
async function incompatible(stage: Stage): Promise<Pipeline> {
  const pipeline = await stage.published(stage.avro());
  await stage.change(pipeline, `ALTER TABLE $T ADD COLUMN KIND VARCHAR NOT NULL DEFAULT 'a'`, UPDATE);
  return pipeline;
}

export const REGISTRY_CASES: readonly Case[] = [
  {
    code: 'SUBJECT_INCOMPATIBLE',
    what: 'a column came that is NOT NULL, and the rule is relaxed',
    drive: incompatible,
    mend: relax,
  },
  {
    code: 'SUBJECT_INCOMPATIBLE',
    what: 'a column came that is NOT NULL, and goes again',
    drive: incompatible,
    mend: (stage, pipeline) => stage.change(pipeline, 'ALTER TABLE $T DROP COLUMN KIND'),
    run: [runOf('HISTORY_LOST')[0]],
  },
  {
    code: 'SCHEMA_REFUSED',
    what: 'the schemas are registered by somebody else, and were not yet',
    drive: async (stage) => {
      const pipeline = await stage.made(stage.avro(false));
      await pipeline.run(3);
      return pipeline;
    },
    mend: async ({ registry }, { source }) => {
      const asked = registry.heard.filter(({ method, path }) => method === 'POST' && path.includes(source.topic));
      for (const { path, body } of new Map(asked.map((heard) => [heard.path, heard])).values()) {
        const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
        const answer = await fetch(`${registry.url}${path}/versions`, { method: 'POST', headers, body });
        expect(answer.status).toBe(200);
      }
    },
  },
  {
    code: 'VALUE_UNFIT',
    what: 'the old image of a row has a NULL in a column that is NOT NULL now',
    drive: async (stage) => {
      const pipeline = await stage.made(stage.avro());
      await stage.change(pipeline, 'INSERT INTO $T VALUES (4, NULL)');
      await pipeline.run(3);
      relax(stage, pipeline);
      await stage.change(
        pipeline,
        `UPDATE $T SET NAME = 'vier' WHERE ID = 4`,
        'ALTER TABLE $T ALTER COLUMN NAME SET NOT NULL',
      );
      return pipeline;
    },
  },
  {
    code: 'NAME_TAKEN',
    what: 'two columns came that Avro spells alike',
    drive: async (stage) => {
      const pipeline = await stage.published(stage.avro());
      await stage.change(pipeline, 'ALTER TABLE $T ADD COLUMN "A B" VARCHAR, "A_u0020B" VARCHAR', UPDATE);
      return pipeline;
    },
    edit: ({ source }) => void Object.assign(source, { shape: { ...all, exclude: ['A_u0020B'] } }),
  },
];
