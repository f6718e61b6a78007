import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { ASSUMPTION_COUNT, Assumptions, ASSUMPTIONS } from '../../local/snowflake/assumptions.ts';
import { openClient, type Client } from './engine.ts';

describe('the list', () => {
  test('ids are unique, the default is one of the alternatives', () => {
    expect(new Set(ASSUMPTIONS.map((a) => a.id)).size).toBe(ASSUMPTION_COUNT);
    for (const a of ASSUMPTIONS) {
      expect([
        a.id,
        a.switchable ? a.alternatives.includes(a.assumed) && a.alternatives.length > 1 : a.alternatives,
      ]).toEqual([a.id, a.switchable ? true : []]);
      expect(a.evidence).toMatch(/^\[(doc|measured|none)\]/);
    }
  });

  test('only known answers are taken', () => {
    const assumptions = new Assumptions();
    assumptions.assume('point-resolution', 'ns');
    expect(assumptions.get('point-resolution')).toBe('ns');
    assumptions.reset();
    expect(assumptions.get('point-resolution')).toBe('ms');
    expect(() => assumptions.assume('point-resolution', 'us')).toThrow('ms, ns');
    expect(() => assumptions.assume('hash-agg', 'x')).toThrow('not switchable');
    expect(() => assumptions.get('nothing')).toThrow('no such assumption');
  });
});

describe('switches that no other test turns', () => {
  let db: Client;
  beforeAll(async () => {
    db = await openClient();
  });
  afterAll(() => db.engine.close());
  beforeEach(async () => {
    db.engine.assumptions.reset();
    await db.run('CREATE OR REPLACE TABLE T (ID INT, V VARCHAR) CHANGE_TRACKING = TRUE');
  });
  const token = (): ReturnType<Client['cell']> => db.cell("SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('T')");

  test('token-without-changes', async () => {
    expect(await token()).toBeNull();
    db.engine.assumptions.assume('token-without-changes', 'created');
    expect(await token()).toMatch(/^\d{19}$/);
  });

  test('token-of-empty-dml', async () => {
    await db.run("INSERT INTO T VALUES (1, 'a')");
    const first = await token();
    await db.run('DELETE FROM T WHERE ID = 9');
    expect(await token()).toBe(first);
    db.engine.assumptions.assume('token-of-empty-dml', 'moves');
    await db.run('DELETE FROM T WHERE ID = 9');
    expect(await token()).not.toBe(first);
  });

  test('statement-of-select', async () => {
    await db.run("INSERT INTO T VALUES (1, 'a')", 'SELECT 1');
    const select = db.lastId;
    await db.run("INSERT INTO T VALUES (2, 'b')");
    expect((await db.error(`SELECT * FROM T AT(STATEMENT => '${select}')`)).message).toContain('cannot be used');
    db.engine.assumptions.assume('statement-of-select', 'its start');
    expect(await db.rows(`SELECT ID FROM T AT(STATEMENT => '${select}')`)).toEqual([['1']]);
  });

  test('point-bind', async () => {
    await db.run("INSERT INTO T VALUES (1, 'a')");
    const at = (await db.instant()).replace(/'|::TIMESTAMP_TZ/g, '');
    await db.run('DELETE FROM T');
    db.engine.assumptions.assume('point-bind', 'accepted');
    const bind = { 1: { type: 'TEXT', value: at } };
    expect(await db.rows('SELECT ID FROM T AT(TIMESTAMP => ?::TIMESTAMP_TZ)', bind)).toEqual([['1']]);
  });

  test('row-id-after-retracking', async () => {
    db.engine.assumptions.assume('row-id-after-retracking', 'stay');
    await db.run("INSERT INTO T VALUES (1, 'a')");
    const id = async (): Promise<unknown> => {
      const at = await db.instant();
      await db.run("UPDATE T SET V = V || 'x'");
      return db.cell(`SELECT METADATA$ROW_ID FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${at}) LIMIT 1`);
    };
    const before = await id();
    await db.run('ALTER TABLE T SET CHANGE_TRACKING = FALSE', 'ALTER TABLE T SET CHANGE_TRACKING = TRUE');
    expect(await id()).toBe(before);
  });
});
