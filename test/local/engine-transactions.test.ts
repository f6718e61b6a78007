import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openClient, openSession, type Client } from './engine.ts';

let db: Client;
let other: Client;
beforeAll(async () => {
  db = await openClient();
  other = await openSession(db.engine);
});
afterAll(() => db.engine.close());
beforeEach(async () => {
  db.engine.faults.clockSkewMs = db.engine.faults.visibilityDelayMs = 0;
  await db.run('ROLLBACK', 'CREATE OR REPLACE TABLE T (ID INT, V VARCHAR) CHANGE_TRACKING = TRUE');
});

const ids = async (client: Client): Promise<string> =>
  (await client.rows('SELECT ID FROM T ORDER BY ID')).flat().join();

test('own writes show inside the transaction, to others after COMMIT', async () => {
  await db.run(
    'INSERT INTO T VALUES (1, NULL)',
    'BEGIN',
    'INSERT INTO T VALUES (2, NULL)',
    'DELETE FROM T WHERE ID = 1',
  );
  expect([await ids(db), await ids(other)]).toEqual(['2', '1']);
  await db.run('UPDATE T SET ID = 3', 'INSERT INTO T SELECT ID + 1, V FROM T');
  expect(await ids(db)).toBe('3,4');
  await db.run('COMMIT');
  expect([await ids(db), await ids(other)]).toEqual(['3,4', '3,4']);
});

test('READ COMMITTED: a transaction sees what others commit meanwhile', async () => {
  await db.run('BEGIN', 'INSERT INTO T VALUES (1, NULL)');
  await other.run('INSERT INTO T VALUES (2, NULL)');
  expect(await ids(db)).toBe('1,2');
  await db.run('COMMIT');
  expect(await ids(other)).toBe('1,2');
});

test('ROLLBACK undoes every kind of DML and gives the table free', async () => {
  await db.run(
    "INSERT INTO T VALUES (1, 'a'), (2, 'b')",
    'BEGIN',
    'DELETE FROM T WHERE ID = 1',
    "UPDATE T SET V = 'x'",
    'TRUNCATE TABLE T',
  );
  await db.run(
    'MERGE INTO T USING (SELECT 5 AS I) S ON ID = I WHEN NOT MATCHED THEN INSERT (ID) VALUES (I)',
    'ROLLBACK',
  );
  expect(await db.rows('SELECT * FROM T ORDER BY ID')).toEqual([
    ['1', 'a'],
    ['2', 'b'],
  ]);
  await other.run('DELETE FROM T');
  expect(await ids(db)).toBe('');
});

test('AUTOCOMMIT = FALSE opens a transaction, and setting it commits one', async () => {
  await db.run('ALTER SESSION SET AUTOCOMMIT = FALSE', 'INSERT INTO T VALUES (1, NULL)');
  expect([await ids(db), await ids(other)]).toEqual(['1', '']);
  await db.run('ROLLBACK');
  expect(await ids(db)).toBe('');
  await db.run('INSERT INTO T VALUES (2, NULL)', 'ALTER SESSION SET AUTOCOMMIT = TRUE');
  expect(await ids(other)).toBe('2');
});

test('DDL commits an open transaction', async () => {
  await db.run('BEGIN', 'INSERT INTO T VALUES (1, NULL)', 'CREATE OR REPLACE TABLE ELSEWHERE (A INT)', 'ROLLBACK');
  expect(await ids(other)).toBe('1');
});

test('the clock moves inside a transaction, and stands still inside a statement', async () => {
  await db.run('BEGIN');
  const first = await db.cell('SELECT DATE_PART(epoch_nanosecond, CURRENT_TIMESTAMP())');
  await db.instant();
  const second = await db.rows(
    'SELECT DATE_PART(epoch_nanosecond, CURRENT_TIMESTAMP()), DATE_PART(epoch_nanosecond, SYSDATE())',
  );
  expect(BigInt(second[0]![0]!)).toBeGreaterThan(BigInt(first!));
  expect(second[0]![0]).toBe(second[0]![1]);
});

test('commit times only grow, whatever the clock does', async () => {
  const skewed = await openClient();
  await skewed.run('CREATE TABLE T (ID INT)');
  const tokens: bigint[] = [];
  for (const skew of [0, 60_000, 0, -60_000, 0]) {
    skewed.engine.faults.clockSkewMs = skew;
    await skewed.run('INSERT INTO T VALUES (1)');
    tokens.push(BigInt((await skewed.cell("SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('T')"))!));
  }
  for (let i = 1; i < tokens.length; i++) expect(tokens[i]).toBeGreaterThan(tokens[i - 1]!);
  await skewed.engine.close();
});

describe('locks', () => {
  test('a second writer waits for the first one’s transaction; an INSERT does not', async () => {
    await db.run('INSERT INTO T VALUES (1, NULL)', 'BEGIN', "UPDATE T SET V = 'db'");
    const waiting = other.run("UPDATE T SET V = V || ' other'");
    const third = await openSession(db.engine);
    await third.run('INSERT INTO T VALUES (2, NULL)');
    await db.run('COMMIT');
    await waiting;
    expect(await db.rows('SELECT V FROM T WHERE ID = 1')).toEqual([['db other']]);
  });

  test('a waiting writer can be cancelled', async () => {
    await db.run('BEGIN', 'DELETE FROM T');
    const abort = new AbortController();
    const waiting = other.session.execute('DELETE FROM T', { queryId: 'waits', signal: abort.signal });
    abort.abort();
    await expect(waiting).rejects.toMatchObject({ code: '000604' });
    await db.run('ROLLBACK');
    await other.run('DELETE FROM T');
  });

  test('closing a session rolls its transaction back', async () => {
    const third = await openSession(db.engine);
    await third.run('BEGIN', 'INSERT INTO T VALUES (9, NULL)', 'DELETE FROM T');
    await third.session.close();
    await other.run('DELETE FROM T');
    expect(await ids(db)).toBe('');
  });
});

test('a failing statement changes nothing, and its transaction goes on', async () => {
  await db.run(
    'CREATE OR REPLACE TABLE T (ID INT NOT NULL, V VARCHAR(3))',
    "INSERT INTO T VALUES (1, 'a')",
    'BEGIN',
    "INSERT INTO T VALUES (2, 'b')",
  );
  expect(await db.error('INSERT INTO T VALUES (3, NULL), (NULL, NULL)')).toMatchObject({ code: '100072' });
  expect(await db.error("UPDATE T SET V = V || 'long'")).toMatchObject({ code: '100078' });
  expect(await db.error('UPDATE T SET ID = NULL')).toMatchObject({ code: '100072' });
  expect(await db.error("INSERT OVERWRITE INTO T SELECT 1, 'toolong'")).toMatchObject({ code: '100078' });
  const twice = 'MERGE INTO T USING (SELECT 1 AS I UNION ALL SELECT 1) S ON ID = I WHEN MATCHED THEN DELETE';
  expect(await db.error(twice)).toMatchObject({ code: '100090' });
  await db.run('COMMIT');
  expect(await ids(other)).toBe('1,2');
});

describe('faults', () => {
  test('a late commit is seen by its own session at once, by others later, everywhere the same', async () => {
    await db.run("INSERT INTO T VALUES (1, 'old')");
    const token = await other.cell("SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('T')");
    const from = await db.instant();
    db.engine.faults.visibilityDelayMs = 3_600_000;
    await db.run("UPDATE T SET V = 'new'", 'INSERT INTO T VALUES (2, NULL)');
    const to = await db.instant();
    const count = `SELECT COUNT(*) FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${from}) END(TIMESTAMP => ${to})`;
    expect([await db.cell(count), await other.cell(count)]).toEqual(['3', '0']);
    expect([await ids(db), await ids(other)]).toEqual(['1,2', '1']);
    expect(await other.cell(`SELECT V FROM T AT(TIMESTAMP => ${to})`)).toBe('old');
    expect(await other.cell("SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('T')")).toBe(token);
    expect(await db.cell("SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('T')")).not.toBe(token);
  });

  test('the server clock may be off', async () => {
    db.engine.faults.clockSkewMs = 86_400_000;
    const ms = Number(await db.cell("SELECT DATE_PART('epoch_millisecond', CURRENT_TIMESTAMP())"));
    expect(ms - Date.now()).toBeGreaterThan(86_000_000);
  });

  test('a running statement can be cancelled', async () => {
    const abort = new AbortController();
    const endless = db.session.execute(
      'SELECT COUNT(DISTINCT RANDOM()) FROM TABLE(GENERATOR(ROWCOUNT => 20000000000))',
      {
        queryId: 'endless',
        signal: abort.signal,
      },
    );
    setTimeout(() => abort.abort(), 50);
    await expect(endless).rejects.toMatchObject({ code: '000604' });
    expect(await db.cell('SELECT 1')).toBe('1');
  });
});

test('reads wait for a commit that is under way at or before their time', async () => {
  await db.run('INSERT INTO T SELECT SEQ8(), NULL FROM TABLE(GENERATOR(ROWCOUNT => 200000))');
  const writing = db.run("UPDATE T SET V = 'x'");
  const counts: string[] = [];
  for (let done = false; !done;) {
    const now = await other.cell("SELECT TO_VARCHAR(CURRENT_TIMESTAMP(), 'YYYY-MM-DD HH24:MI:SS.FF3')");
    const query = `SELECT COUNT_IF(V = 'x') FROM T AT(TIMESTAMP => '${now} +00:00'::TIMESTAMP_TZ)`;
    const first = (await other.cell(query))!;
    counts.push(first, (await other.cell(query))!);
    expect(counts.at(-1)).toBe(first);
    done = first === '200000';
  }
  await writing;
  expect(new Set(counts)).toEqual(new Set(counts.includes('0') ? ['0', '200000'] : ['200000']));
});
