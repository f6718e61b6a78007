/** Streams of the stand-in: offsets, transactions, kinds, staleness, and the blocks of scripting that consume them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openClient, openSession, type Client } from './engine.ts';

let db: Client;
beforeAll(async () => {
  db = await openClient();
});
afterAll(() => db.engine.close());
beforeEach(async () => {
  await db.run(
    'CREATE OR REPLACE TABLE T (ID INT, V VARCHAR)',
    `INSERT INTO T VALUES (1, 'a'), (2, 'b')`,
    'CREATE OR REPLACE TABLE SINK (ID INT, V VARCHAR, A VARCHAR, U BOOLEAN, R VARCHAR)',
    'CREATE OR REPLACE STREAM S ON TABLE T',
  );
});

const show = (client = db, stream = 'S') =>
  client.rows(`SELECT ID, V, METADATA$ACTION, METADATA$ISUPDATE FROM ${stream} ORDER BY ID, METADATA$ACTION`);
const sink = () => db.rows('SELECT ID, V, A, U FROM SINK ORDER BY ID, A');
const hasData = (stream = 'S') => db.cell(`SELECT TO_VARCHAR(SYSTEM$STREAM_HAS_DATA('${stream}'))`);
const consume = 'INSERT INTO SINK SELECT * FROM S';
const change = [`UPDATE T SET V = 'c' WHERE ID = 1`, 'DELETE FROM T WHERE ID = 2', `INSERT INTO T VALUES (3, 'd')`];
const changed = [
  ['1', 'a', 'DELETE', '1'],
  ['1', 'c', 'INSERT', '1'],
  ['2', 'b', 'DELETE', '0'],
  ['3', 'd', 'INSERT', '0'],
];

describe('a standard stream', () => {
  test('gives the net change since it was made, as often as it is only read', async () => {
    expect(await hasData()).toBe('false');
    expect(await show()).toEqual([]);
    await db.run(...change);
    expect(await hasData()).toBe('true');
    expect(await show()).toEqual(changed);
    expect(await show()).toEqual(changed);
    const ids = await db.rows('SELECT METADATA$ROW_ID FROM S WHERE ID = 1');
    expect(new Set(ids.flat()).size).toBe(1);
    // Creating it switched tracking on.
    expect((await db.rows(`SHOW TABLES LIKE 'T'`))[0]).toContain('ON');
  });

  test.each([
    ['INSERT', consume],
    ['CREATE TABLE AS', 'CREATE OR REPLACE TABLE COPIED AS SELECT * FROM S'],
    ['an INSERT of nothing', `${consume} WHERE FALSE`],
    ['a copy of nothing', 'CREATE OR REPLACE TABLE COPIED AS SELECT * FROM S WHERE FALSE'],
    ['MERGE', 'MERGE INTO SINK USING S ON SINK.ID = S.ID WHEN NOT MATCHED THEN INSERT (ID) VALUES (S.ID)'],
  ])('is consumed by %s, and has what comes after it', async (_, statement) => {
    await db.run(...change);
    await db.run(statement);
    expect(await hasData()).toBe('false');
    expect(await show()).toEqual([]);
    await db.run(`INSERT INTO T VALUES (4, 'e')`);
    expect(await show()).toEqual([['4', 'e', 'INSERT', '0']]);
  });

  test('is not consumed by a statement that fails, or makes no table', async () => {
    await db.run(...change, 'CREATE OR REPLACE TABLE COPIED (X INT)');
    await db.run('CREATE TABLE IF NOT EXISTS COPIED AS SELECT * FROM S');
    expect((await db.error('CREATE TABLE COPIED AS SELECT * FROM S')).code).toBe('002002');
    expect((await db.error('INSERT INTO COPIED SELECT * FROM S')).code).toBe('002020');
    expect(await show()).toEqual(changed);
  });

  test('shows the same all through a transaction, and moves when that commits, to its start', async () => {
    const other = await openSession(db.engine);
    await db.run('BEGIN', `INSERT INTO T VALUES (5, 'own')`);
    await other.run(...change);
    // Neither the own writes nor what was committed since it began.
    expect(await show()).toEqual([]);
    await db.run(consume);
    expect(await show(other)).toEqual(changed);
    await db.run('ROLLBACK');
    expect(await sink()).toEqual([]);

    await db.run('BEGIN', consume);
    expect(await show()).toEqual(changed);
    await other.run(`INSERT INTO T VALUES (6, 'late')`);
    await db.run('COMMIT');
    expect(await sink()).toEqual(changed);
    expect(await show()).toEqual([['6', 'late', 'INSERT', '0']]);
  });

  test('is locked for others that consume it', async () => {
    const other = await openSession(db.engine);
    await db.run(...change, 'BEGIN', consume);
    let done = false;
    const waits = other.run(consume).then(() => (done = true));
    await show();
    expect(done).toBe(false);
    await db.run('COMMIT');
    await waits;
    // It got what was left.
    expect(await sink()).toEqual(changed);
  });

  test('keeps what its consumer could not see yet', async () => {
    const other = await openSession(db.engine);
    db.engine.faults.visibilityDelayMs = 60_000;
    await other.run(`INSERT INTO T VALUES (7, 'unseen')`);
    db.engine.faults.visibilityDelayMs = 0;
    await db.run(consume);
    expect(await sink()).toEqual([]);
    expect(await show(other)).toEqual([['7', 'unseen', 'INSERT', '0']]);
  });

  test('does not mind other streams, renames, or its own name in another case', async () => {
    await db.run('CREATE OR REPLACE STREAM "s" ON TABLE T', ...change, consume);
    expect(await hasData('"s"')).toBe('true');
    await db.run('ALTER TABLE T RENAME TO T9');
    expect(await show(db, '"s"')).toEqual(changed);
    await db.run('ALTER TABLE T9 RENAME TO T', 'DROP STREAM "s"');
    expect((await db.error('SELECT * FROM "s"')).code).toBe('002003');
    expect((await db.error('DROP STREAM "s"')).code).toBe('002003');
    await db.run('DROP STREAM IF EXISTS "s"');
  });
});

test('an append-only stream has inserts alone, as they were', async () => {
  await db.run('CREATE OR REPLACE STREAM S ON TABLE T APPEND_ONLY = TRUE', ...change);
  await db.run(`INSERT INTO T VALUES (4, 'e')`, `UPDATE T SET V = 'x' WHERE ID = 4`, 'DELETE FROM T WHERE ID = 3');
  expect(await show()).toEqual([
    ['3', 'd', 'INSERT', '0'],
    ['4', 'e', 'INSERT', '0'],
  ]);
});

test('initial rows come first, alone, and exactly the changes since then after them', async () => {
  await db.run('CREATE OR REPLACE STREAM S ON TABLE T SHOW_INITIAL_ROWS = TRUE', ...change);
  const initial = [
    ['1', 'a', 'INSERT', '0'],
    ['2', 'b', 'INSERT', '0'],
  ];
  expect(await hasData()).toBe('true');
  expect(await show()).toEqual(initial);
  await db.run(consume);
  expect(await sink()).toEqual(initial);
  expect(await show()).toEqual(changed);
  await db.run(consume);
  expect(await hasData()).toBe('false');
  // A row has one id in all of it.
  expect(await db.rows('SELECT COUNT(DISTINCT R) FROM SINK')).toEqual([['3']]);
});

describe('points', () => {
  test('E16: a stream as of a time has data if the table has changed since', async () => {
    const before = await db.instant();
    await db.run(...change);
    const after = await db.instant();
    await db.run(`CREATE OR REPLACE STREAM S ON TABLE T AT(TIMESTAMP => ${before})`);
    expect(await hasData()).toBe('true');
    expect(await show()).toEqual(changed);
    await db.run(`CREATE OR REPLACE STREAM S2 ON TABLE T AT(TIMESTAMP => ${after})`);
    expect(await hasData('S2')).toBe('false');
    // Where another one stands.
    await db.run(`CREATE OR REPLACE STREAM S2 ON TABLE T AT(STREAM => 'S')`);
    expect(await show(db, 'S2')).toEqual(changed);
    const changes = `SELECT COUNT(*) FROM T CHANGES(INFORMATION => DEFAULT) AT(STREAM => 'S')`;
    expect(await db.cell(changes)).toBe('4');
  });

  test('a stream from before tracking is refused, and tracking is on all the same', async () => {
    await db.run('CREATE OR REPLACE TABLE T (ID INT, V VARCHAR)');
    const before = await db.instant();
    const { code } = await db.error(`CREATE OR REPLACE STREAM S ON TABLE T AT(TIMESTAMP => ${before})`);
    expect(code).toBe('091930');
    expect((await db.rows(`SHOW TABLES LIKE 'T'`))[0]).toContain('ON');
  });
});

describe('a stream can not be read any more', () => {
  const stale = async () => (await db.rows(`SHOW STREAMS LIKE 'S'`))[0]![10];

  test('when its history is gone', async () => {
    await db.run(...change);
    expect(await stale()).toBe('false');
    await db.engine.expireHistory('DB.PUBLIC.T', Date.now() + 1);
    expect(await stale()).toBe('true');
    expect((await db.error('SELECT * FROM S')).message).toContain('stale');
    expect((await db.error(consume)).message).toContain('stale');
    expect(await hasData()).toBe('true');
    await db.run('CREATE OR REPLACE STREAM S ON TABLE T');
    expect(await stale()).toBe('false');
  });

  test.each(['CREATE OR REPLACE TABLE T (ID INT, V VARCHAR)', 'DROP TABLE T'])('after %s', async (statement) => {
    await db.run(statement);
    expect(await stale()).toBe('true');
    expect((await db.error('SELECT * FROM S')).message).toContain('Base TABLE T dropped');
  });

  test('when tracking was off meanwhile', async () => {
    await db.run('ALTER TABLE T SET CHANGE_TRACKING = FALSE', 'ALTER TABLE T SET CHANGE_TRACKING = TRUE');
    expect((await db.error('SELECT * FROM S')).code).toBe('091930');
  });
});

test('SHOW and DESCRIBE tell what it is; names are refused that there are already', async () => {
  await db.run(`CREATE OR REPLACE STREAM S ON TABLE T APPEND_ONLY = TRUE COMMENT = 'mine'`);
  const [row] = await db.rows(`SHOW STREAMS LIKE 's' IN SCHEMA DB.PUBLIC`);
  expect(row!.slice(1)).toEqual([
    'S',
    'DB',
    'PUBLIC',
    'LOCAL',
    'mine',
    'DB.PUBLIC.T',
    'Table',
    'DB.PUBLIC.T',
    'DELTA',
    'false',
    'APPEND_ONLY',
    row![12],
    'N/A',
    'ROLE',
  ]);
  expect(await db.rows('DESCRIBE STREAM S')).toEqual([row]);
  for (const statement of ['CREATE STREAM S ON TABLE T', 'CREATE STREAM T ON TABLE T', 'CREATE TABLE S (X INT)'])
    expect((await db.error(statement)).code).toBe('002002');
  await db.run('CREATE STREAM IF NOT EXISTS S ON TABLE T');
  expect((await db.rows('DESCRIBE STREAM S'))[0]![11]).toBe('APPEND_ONLY');
  expect((await db.error(`SELECT SYSTEM$STREAM_HAS_DATA('NONE')`)).message).toContain('must be a valid stream name');
  expect((await db.error('SELECT * FROM S AT(OFFSET => -1)')).code).toBe('000002');
});

describe('a block', () => {
  const block = (from: number) =>
    `EXECUTE IMMEDIATE 'BEGIN BEGIN TRANSACTION; UPDATE LEDGER SET N = N + 1 WHERE N = ${from}; ` +
    `IF (SQLROWCOUNT = 1) THEN ${consume}; COMMIT; ELSE ROLLBACK; END IF; ` +
    `EXCEPTION WHEN OTHER THEN ROLLBACK; RAISE; END'`;
  beforeEach(() => db.run('CREATE OR REPLACE TABLE LEDGER (N INT)', 'INSERT INTO LEDGER VALUES (0)', ...change));
  const ledger = () => db.cell('SELECT N FROM LEDGER');

  test('consumes in its turn alone, and side by side only one does', async () => {
    await db.run(block(1));
    expect([await ledger(), await hasData()]).toEqual(['0', 'true']);
    const others = await Promise.all([1, 2, 3].map(() => openSession(db.engine)));
    await Promise.all(others.map((other) => other.run(block(0))));
    expect([await ledger(), await hasData()]).toEqual(['1', 'false']);
    expect(await sink()).toEqual(changed);
  });

  test('does all or nothing: what fails is rolled back and told', async () => {
    await db.run('CREATE OR REPLACE TABLE SINK (X INT)');
    expect((await db.error(block(0))).code).toBe('002020');
    expect([await ledger(), await hasData()]).toEqual(['0', 'true']);
    // The transaction has ended.
    expect(await db.cell('SELECT CURRENT_TRANSACTION()')).toBeNull();
  });

  test.each([
    [`EXECUTE IMMEDIATE 'BEGIN LET x := 1; END'`, '000002'],
    [`EXECUTE IMMEDIATE 'BEGIN IF (1 = 1) THEN COMMIT; END IF; END'`, '000002'],
    [`EXECUTE IMMEDIATE 'BEGIN COMMIT; EXCEPTION WHEN STATEMENT_ERROR THEN RAISE; END'`, '000002'],
    [`EXECUTE IMMEDIATE 'SELECT 1'`, '001003'],
    [`EXECUTE IMMEDIATE 'BEGIN SELECT 1 END'`, '001003'],
    ['BEGIN SELECT 1; END', '000002'],
    ['EXECUTE TASK X', '000002'],
  ])('of another form is refused: %s', async (statement, code) => {
    expect((await db.error(statement)).code).toBe(code);
  });
});
