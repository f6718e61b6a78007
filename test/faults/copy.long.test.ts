/** Snapshots that are read from a sorted copy, over real parts: two scans, whatever has expired meanwhile, and nothing left. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stagePrefix } from '../../lambdas/protocol/stage.ts';
import { Stands, type Pipeline } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
  await stands.sql('CREATE SCHEMA DB.STAGING', 'CREATE SCHEMA DB.DATA');
});
afterAll(() => stands.stop());

const ROWS = 500;

async function table(name: string): Promise<void> {
  await stands.sql(
    `CREATE TABLE DB.DATA.${name} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR, MAIL VARCHAR, AT TIMESTAMP_TZ(9), DOC VARIANT) CHANGE_TRACKING = TRUE`,
    `INSERT INTO DB.DATA.${name} SELECT SEQ4(), 'n' || SEQ4(), 'm' || SEQ4(), '2026-01-01 00:00:00 +02:00'::TIMESTAMP_TZ, PARSE_JSON('{"a":1}') FROM TABLE(GENERATOR(ROWCOUNT => ${ROWS}))`,
  );
}

/** Of this source there are now. */
async function copies(pipeline: Pipeline): Promise<string[]> {
  const prefix = stagePrefix((await pipeline.state())!.meta.incarnation);
  const shown = await stands.rows('SHOW TABLES IN SCHEMA DB.STAGING');
  return shown.map((row) => String(row[1])).filter((name) => name.startsWith(prefix));
}

async function begin(name: string, settings: object): Promise<Pipeline> {
  await table(name);
  return stands.configured({
    table: `DB.DATA.${name}`,
    key: ['ID'],
    partitions: 3,
    snapshotCopy: 'always',
    ...settings,
  });
}

test('two scans in all, as shaped; then changes, a new snapshot, and late commits', async () => {
  const shape = { where: 'ID < 400', mask: { MAIL: 'redact' }, columns: { add: { TWICE: '(ID * 2)::NUMBER(38,0)' } } };
  const pipeline = await begin('SHAPED', shape);
  await stands.snowflake.control.reset();
  await pipeline.run(2);
  const { head } = (await pipeline.state())!;
  expect(head).toMatchObject({ kind: 'snapshot', totalRows: 400, staged: { snapshot: true, base: null } });
  const { scans } = await stands.snowflake.control.stats();
  expect(Object.values(scans)).toEqual([1, 1]);
  await pipeline.finish();
  expect(await copies(pipeline)).toEqual([]);
  const sent = await pipeline.folded();
  expect(Object.keys(sent)).toHaveLength(400);
  expect(sent['{"ID":"7"}']).toMatchObject({
    ID: '7',
    NAME: 'n7',
    TWICE: '14',
    MAIL: '***',
  });

  await pipeline.recount();
  expect((await pipeline.state())!.meta).toMatchObject({ recountedThrough: head!.number, request: null });

  await stands.sql('UPDATE DB.DATA.SHAPED SET NAME = NULL WHERE ID = 7', 'DELETE FROM DB.DATA.SHAPED WHERE ID = 8');
  await pipeline.run(2);
  const after = await pipeline.folded();
  expect(Object.keys(after)).toHaveLength(399);
  expect(after['{"ID":"7"}']).toMatchObject({ NAME: null });
  expect(pipeline.codes).toEqual([]);
});

test('what a plain snapshot has, it has: every type, row for row', async () => {
  const [copied, plain] = [await begin('COPIED', {}), await begin('PLAIN', { snapshotCopy: 'never' })];
  await copied.run(2);
  await plain.run(2);
  expect((await plain.state())!.head!.staged).toBeUndefined();
  expect(await copied.folded()).toEqual(await plain.folded());
  const ranges = async (pipeline: Pipeline) => (await pipeline.state())!.head!.ranges;
  expect(await ranges(copied)).toEqual(await ranges(plain));
});

test('published days later, when its result and the history of its table are gone', async () => {
  const pipeline = await begin('LATE', {});
  await pipeline.tick();
  await stands.passMinutes(1);
  expect(await pipeline.tick()).toHaveLength(3);
  await pipeline.publish(0);
  await stands.sql('UPDATE DB.DATA.LATE SET NAME = 0 WHERE ID = 1');
  await stands.passMinutes(3 * 1_440);
  for (const partition of [1, 2]) expect(await pipeline.publish(partition)).toMatchObject({ outcome: 'done' });
  const sent = await pipeline.folded();
  expect(Object.keys(sent)).toHaveLength(ROWS);
  expect(sent['{"ID":"1"}']).toMatchObject({ NAME: 'n1' });
  expect(await copies(pipeline)).toHaveLength(1);
  await pipeline.finish();
  expect(await copies(pipeline)).toEqual([]);
});

test('a table that is altered while it is copied is copied again; a planner that died leaves nothing', async () => {
  const pipeline = await begin('ALTERED', {});
  await pipeline.tick();
  await stands.passMinutes(1);
  let copied = 0;
  pipeline.wrap = ({ snowflake, ...ports }) => ({
    ...ports,
    snowflake: {
      ...snowflake,
      submit: async (statement, tag) => {
        const queryId = await snowflake.submit(statement, tag);
        if (!statement.startsWith('CREATE TRANSIENT') || ++copied > 2) return queryId;
        if (copied === 1) await stands.sql('ALTER TABLE DB.DATA.ALTERED ADD COLUMN MORE VARCHAR');
        else throw new Error('the planner dies here');
        return queryId;
      },
    },
  });
  await pipeline.tick();
  expect(pipeline.codes).toEqual(['OBJECT_CHANGED']);
  await pipeline.tick();
  expect(pipeline.codes).toEqual(['OBJECT_CHANGED', 'UNEXPECTED']);
  await pipeline.run(2);
  expect(copied).toBe(3);
  expect(Object.keys(await pipeline.folded())).toHaveLength(ROWS);
  expect(await copies(pipeline)).toEqual([]);
});
