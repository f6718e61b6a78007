/** Stream sources over real parts: kinds and keys, planners that die at every step, late blocks, streams that are lost. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SnowmeltError } from '../../lambdas/errors.ts';
import type { PlanPorts } from '../../lambdas/protocol/plan.ts';
import { replay, resnapshot } from '../../lambdas/protocol/operate.ts';
import { ledgerOf } from '../../lambdas/snowflake/sql/stream.ts';
import { Stands, type Pipeline } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
  await stands.sql('CREATE SCHEMA DB.STAGING', 'CREATE SCHEMA DB.DATA');
});
afterAll(() => stands.stop());

const STAGING = { database: 'DB', schema: 'STAGING' };

const source = (settings: object) => stands.configured(settings);

let tables = 0;

/** A table with two rows. */
async function table(): Promise<string> {
  const name = `DB.DATA.T${++tables}`;
  await stands.sql(`CREATE TABLE ${name} (ID NUMBER, V VARCHAR)`, `INSERT INTO ${name} VALUES (1, 'a'), (2, 'b')`);
  await stands.sql(`ALTER TABLE ${name} SET CHANGE_TRACKING = TRUE`);
  return name;
}

const values = (row: unknown) =>
  row === null
    ? ''
    : Object.values(row as object)
        .slice(0, 2)
        .join('');
const head = async (pipeline: Pipeline) => (await pipeline.state())?.head ?? null;

/** One tick and what it calls; `op before>after` of the newest window's records, sorted. */
async function records(pipeline: Pipeline): Promise<string[]> {
  const before = (await head(pipeline))?.number ?? 0;
  await pipeline.run(1);
  const newest = (await head(pipeline))!.number;
  expect(newest).toBe(before + 1);
  const come = (await pipeline.published()).filter(({ op, window }) => op !== 'tombstone' && window === newest);
  return come.map((record) => `${record.op} ${values(record.before)}>${values(record.after)}`).sort();
}

/** By key, as the table has it. */
async function rowsOf(name: string): Promise<Record<string, unknown>> {
  const rows = await stands.rows(`SELECT TO_VARCHAR(ID), V FROM ${name}`);
  const entries = rows.map(([ID, V]) => [JSON.stringify({ ID }), { ID, V }] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const staged = async () => (await stands.rows('SHOW TABLES IN SCHEMA DB.STAGING')).map((row) => String(row[1]));
const streams = async () => (await stands.rows('SHOW STREAMS IN SCHEMA DB.STAGING')).map((row) => String(row[1]));

test('managed: the rows that there are, then inserts, updates, deletes, other keys', async () => {
  const t = await table();
  const pipeline = await source({ stream: { managed: true, on: t }, key: ['ID'], partitions: 2 });
  expect(await records(pipeline)).toEqual(['r >1a', 'r >2b']);
  // Nothing changed: no window, no warehouse.
  await pipeline.run(2);
  expect((await head(pipeline))!.number).toBe(1);

  await stands.sql(
    `INSERT INTO ${t} VALUES (3, 'c')`,
    `UPDATE ${t} SET V = 'z' WHERE ID = 1`,
    `UPDATE ${t} SET ID = 4 WHERE ID = 2`,
  );
  expect(await records(pipeline)).toEqual(['c >3c', 'c >4b', 'd 2b>', 'u 1a>1z']);
  await stands.sql(`DELETE FROM ${t} WHERE ID = 3`, `INSERT INTO ${t} VALUES (3, 'again')`);
  expect(await records(pipeline)).toEqual(['u 3c>3again']);
  expect(await pipeline.folded()).toEqual(await rowsOf(t));

  // Once all is published, the newest stage is all that is kept.
  await pipeline.finish();
  const { stream, table: stage } = (await head(pipeline))!.staged!;
  expect(stream!.number).toBe(3);
  const mine = stream!.stream.name.slice(0, -1);
  expect((await staged()).filter((name) => name.startsWith(mine))).toEqual([stage.name]);
  expect(pipeline.codes).toEqual([]);
});

test('shapes hold for streams: what leaves Snowflake is cut from the stage', async () => {
  const t = await table();
  const pipeline = await source({
    stream: { managed: true, on: t },
    key: ['ID'],
    columns: { include: ['ID', 'V'], add: { N: 'ID + 1::NUMBER(9,0)' } },
    where: 'ID < 10',
    mask: { V: 'redact' },
    skip: ['delete'],
  });
  expect(await records(pipeline)).toEqual(['r >1***', 'r >2***']);
  await stands.sql(`INSERT INTO ${t} VALUES (11, 'out'), (3, 'in')`, `DELETE FROM ${t} WHERE ID = 1`);
  expect(await records(pipeline)).toEqual(['c >3***']);
});

test('a stream that is there, without a key: rows go by their row id', async () => {
  const t = await table();
  await stands.sql('CREATE STREAM DB.DATA."There is" ON TABLE ' + t);
  const pipeline = await source({ stream: 'DB.DATA."There is"' });
  expect(await records(pipeline)).toEqual([]);
  await stands.sql(`INSERT INTO ${t} VALUES (3, 'c')`, `UPDATE ${t} SET V = 'z' WHERE ID = 1`);
  expect(await records(pipeline)).toEqual(['c >3c', 'u 1a>1z']);
  await stands.sql(`DELETE FROM ${t} WHERE ID = 3`, `UPDATE ${t} SET ID = 7 WHERE ID = 1`);
  // The row is the same though all its columns may change.
  expect(await records(pipeline)).toEqual(['d 3c>', 'u 1z>7z']);
  const keys = (await pipeline.published()).map(({ key }) => Object.keys(key as object).join());
  expect(new Set(keys)).toEqual(new Set(['METADATA$ROW_ID']));
  expect(pipeline.codes).toEqual([]);
});

test('an append-only stream: every insert once, whatever became of it', async () => {
  const t = await table();
  await stands.sql(`CREATE STREAM DB.DATA.APPENDED ON TABLE ${t} APPEND_ONLY = TRUE`);
  const pipeline = await source({ stream: 'DB.DATA.APPENDED', changes: 'append-only', key: ['ID'] });
  await pipeline.run(1);
  await stands.sql(
    `INSERT INTO ${t} VALUES (3, 'c'), (3, 'd')`,
    `DELETE FROM ${t}`,
    `INSERT INTO ${t} VALUES (4, 'e')`,
  );
  expect(await records(pipeline)).toEqual(['c >3c', 'c >3d', 'c >4e']);
  expect(pipeline.codes).toEqual([]);
});

/** Throws at the nth call of its ports that changes something or waits, before it or after it took effect. */
function dyingAt(nth: number, after: boolean) {
  let calls = 0;
  const dead = new SnowmeltError('STORE_UNREACHABLE', 'the planner died');
  const seen: string[] = [];
  let died = false;
  const dying = <T extends object>(port: T): T =>
    new Proxy(port, {
      get(target, name) {
        const method = Reflect.get(target, name) as unknown;
        if (typeof method !== 'function' || ['columns', 'statement', 'consumption', 'close'].includes(String(name)))
          return method;
        return async (...args: unknown[]) => {
          if (died) throw dead;
          const mine = calls++ === nth;
          seen.push(String(name));
          if (mine && !after) died = true;
          if (died) throw dead;
          const result: unknown = await Reflect.apply(method, target, args);
          if (mine) died = true;
          if (died) throw dead;
          return result;
        };
      },
    });
  const wrap = (ports: PlanPorts): PlanPorts => ({
    ...ports,
    snowflake: dying(ports.snowflake),
    checkpoints: dying(ports.checkpoints),
  });
  return { wrap, seen, died: () => died };
}

test('planners that die at every step: nothing lost, nothing twice', { timeout: 240_000 }, async () => {
  const t = await table();
  const pipeline = await source({ stream: { managed: true, on: t }, key: ['ID'], partitions: 1 });
  await pipeline.run(1);
  const met = new Set<string>();
  let id = 10;
  for (let nth = 0, over = false; !over; nth++) {
    await stands.sql(`INSERT INTO ${t} VALUES (${id++}, 'n')`, `UPDATE ${t} SET V = '${nth}' WHERE ID = 1`);
    const { wrap, seen, died } = dyingAt(nth, nth % 2 === 0);
    pipeline.wrap = wrap;
    for (const partition of await pipeline.tick()) await pipeline.publish(partition);
    pipeline.wrap = (ports) => ports;
    seen.forEach((name) => met.add(name));
    over = !died();
  }
  expect([...met]).toEqual(expect.arrayContaining(['prepareStage', 'submit', 'ledger', 'describeStage', 'putWindow']));
  await pipeline.run(2);
  expect(await pipeline.folded()).toEqual(await rowsOf(t));
  const inserted = (await pipeline.published()).filter(({ op }) => op === 'c').map(({ after }) => values(after));
  expect(inserted.length).toBe(new Set(inserted).size);
  expect(inserted.length).toBe(id - 10);
  // Each update starts from what the one before had left.
  let last = 'a';
  for (const { op, before, after } of await pipeline.published()) {
    if (op !== 'u') continue;
    expect(before).toEqual({ ID: '1', V: last });
    last = (after as { V: string }).V;
  }
});

test('a block that comes late, when its stage was consumed by another, consumes nothing', async () => {
  const t = await table();
  const pipeline = await source({ stream: { managed: true, on: t }, key: ['ID'], partitions: 1 });
  await pipeline.run(1);
  await stands.sql(`INSERT INTO ${t} VALUES (3, 'c')`);
  const { control } = stands.snowflake;
  const { id } = await control.fault({ fault: 'hold-query', sql: '^EXECUTE IMMEDIATE', times: 1 });
  const position = await control.position();
  const late = pipeline.tick();
  await control.waitFor(({ sql }) => sql?.startsWith('EXECUTE IMMEDIATE') ?? false, { after: position });
  // Nobody knows of it.
  await expect.poll(async () => (await pipeline.state())!.meta.scan).not.toBeNull();
  await pipeline.store.updateMeta(pipeline.source.name, { scan: null });
  await pipeline.run(1);
  await stands.sql(`INSERT INTO ${t} VALUES (4, 'd')`);
  await control.clearFaults(id);
  await late;
  await pipeline.run(2);
  expect(await pipeline.folded()).toEqual(await rowsOf(t));
  const created = (await pipeline.published()).filter(({ op }) => op === 'c').map(({ after }) => values(after));
  expect(created.sort()).toEqual(['3c', '4d']);
});

test.each<[what: string, lose: (table: string) => Promise<void>]>([
  ['that is stale', (t) => stands.snowflake.control.expireHistory(t, stands.now())],
  [
    'whose table was replaced',
    (t) =>
      stands.sql(
        `CREATE OR REPLACE TABLE ${t} (ID NUMBER, V VARCHAR) CHANGE_TRACKING = TRUE`,
        `INSERT INTO ${t} VALUES (2, 'b'), (3, 'c')`,
      ),
  ],
])('a managed stream %s begins anew where that is wanted', async (_, lose) => {
  const t = await table();
  const pipeline = await source({ stream: { managed: true, on: t }, key: ['ID'], onHistoryLost: 'resnapshot' });
  await pipeline.run(1);
  const first = (await head(pipeline))!.staged!.stream!.stream.name;
  await stands.sql(`DELETE FROM ${t} WHERE ID = 1`, `INSERT INTO ${t} VALUES (3, 'c')`);
  await lose(t);
  await pipeline.run(3);
  await pipeline.finish();
  expect(await pipeline.folded()).toEqual(await rowsOf(t));
  const { stream } = (await head(pipeline))!.staged!;
  expect(stream!.stream.name).not.toBe(first);
  const mine = first.slice(0, first.lastIndexOf('_'));
  expect((await streams()).filter((name) => name.startsWith(mine))).toEqual([stream!.stream.name]);
  await stands.sql(`UPDATE ${t} SET V = 'x' WHERE ID = 3`);
  expect(await records(pipeline)).toEqual(['u 3c>3x']);
});

test('a stream of its owner that is stale stops the source; recreated, and begun anew, it goes on', async () => {
  const t = await table();
  await stands.sql(`CREATE STREAM DB.DATA.OWN ON TABLE ${t} SHOW_INITIAL_ROWS = TRUE`);
  const pipeline = await source({ stream: 'DB.DATA.OWN', key: ['ID'] });
  expect(await records(pipeline)).toEqual(['c >1a', 'c >2b']);
  await stands.sql(`DELETE FROM ${t} WHERE ID = 1`);
  await stands.snowflake.control.expireHistory(t, stands.now());
  await pipeline.run(1);
  expect(pipeline.codes).toEqual(['HISTORY_LOST']);
  expect(pipeline.telemetry.errors.at(-1)!.message).toContain('is stale');
  await stands.sql(`CREATE OR REPLACE STREAM DB.DATA.OWN ON TABLE ${t} SHOW_INITIAL_ROWS = TRUE`);
  await pipeline.recover('anew');
  await pipeline.run(3);
  expect(await pipeline.folded()).toEqual(await rowsOf(t));
});

test('what does not fit is said, and changes nothing', async () => {
  const t = await table();
  await stands.sql(`CREATE STREAM DB.DATA.FIT ON TABLE ${t}`);
  const cases: [object, string, string][] = [
    [{ stream: 'DB.DATA.FIT', changes: 'append-only' }, 'STREAM_UNFIT', 'mode of stream DB.DATA.FIT is DEFAULT'],
    [{ stream: 'DB.DATA.NONE' }, 'OBJECT_MISSING', 'NONE is not a stream'],
    [{ stream: { managed: true, on: 'DB.DATA.NONE' } }, 'OBJECT_MISSING', 'NONE'],
    [{ stream: 'DB.DATA.FIT', key: ['X'] }, 'KEY_INVALID', 'has no column X'],
  ];
  for (const [settings, code, says] of cases) {
    const pipeline = await source(settings);
    await pipeline.tick();
    expect(pipeline.codes).toEqual([code]);
    expect(pipeline.telemetry.errors.at(-1)!.message).toContain(says);
    expect(await pipeline.state()).toBeNull();
  }

  const pipeline = await source({ stream: 'DB.DATA.FIT', key: ['ID'] });
  await pipeline.run(1);
  const { name } = pipeline.source;
  await expect(resnapshot(pipeline.store, name)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });
  await expect(replay(pipeline.store, name, 1)).rejects.toMatchObject({ code: 'OPERATION_REFUSED' });

  // A second deployment on the same stream: who finds the ledger moved by another stops before it consumes.
  await stands.sql(`INSERT INTO ${t} VALUES (9, 'x')`);
  const ledger = ledgerOf({ database: 'DB', schema: 'DATA', name: 'FIT' }, STAGING);
  await stands.sql(`UPDATE DB.STAGING."${ledger.name}" SET "LIFE" = 'another'`);
  await pipeline.run(1);
  expect(pipeline.codes.at(-1)).toBe('STATE_DISAGREES');
  expect(await stands.rows(`SELECT TO_VARCHAR(SYSTEM$STREAM_HAS_DATA('DB.DATA.FIT'))`)).toEqual([['true']]);
});
