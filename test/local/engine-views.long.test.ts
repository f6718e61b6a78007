/** Views and dynamic tables of the stand-in: how they change with what is behind them, what can't be tracked, streams on them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openClient, type Client } from './engine.ts';

let db: Client;
beforeAll(async () => {
  db = await openClient();
});
afterAll(() => db.engine.close());
beforeEach(async () => {
  await db.run(
    'CREATE OR REPLACE TABLE T (ID INT, V VARCHAR, G INT) CHANGE_TRACKING = TRUE',
    `INSERT INTO T VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 2)`,
    'CREATE OR REPLACE TABLE N (G INT, NAME VARCHAR) CHANGE_TRACKING = TRUE',
    `INSERT INTO N VALUES (1, 'one'), (2, 'two')`,
  );
});

/** What a view tells of changes since a point, `ACTION update values`, sorted. */
async function changes(from: string, object = 'W', information = 'DEFAULT'): Promise<string[]> {
  const clause = `CHANGES(INFORMATION => ${information}) AT(TIMESTAMP => ${from}) END(TIMESTAMP => ${await db.instant()})`;
  return brief(await db.rows(`SELECT METADATA$ACTION, METADATA$ISUPDATE, * FROM ${object} ${clause}`));
}

/** Without the metadata, which `*` has, too. */
const brief = (rows: (string | null)[][]) => rows.map((row) => row.slice(0, -3).join(' ')).sort();

const view = async (query: string, name = 'W') => {
  await db.run(`CREATE OR REPLACE VIEW ${name} CHANGE_TRACKING = TRUE AS ${query}`);
  return db.instant();
};

describe('a view over one table', () => {
  test('changes with the rows that it shows, and with the columns that it shows alone', async () => {
    const from = await view(`SELECT ID, UPPER(V) AS V FROM T WHERE G = 1`);
    await db.run(
      `UPDATE T SET V = 'z' WHERE ID = 1`,
      `UPDATE T SET G = 9 WHERE ID = 2`,
      `UPDATE T SET V = 'hidden' WHERE ID = 3`,
      `INSERT INTO T VALUES (4, 'd', 1), (5, 'e', 2)`,
    );
    expect(await changes(from)).toEqual(['DELETE 0 2 B', 'DELETE 1 1 A', 'INSERT 0 4 D', 'INSERT 1 1 Z']);
    const later = await db.instant();
    await db.run(`UPDATE T SET G = 1 WHERE ID = 3`, `UPDATE T SET V = 'Z' WHERE ID = 1`, 'DELETE FROM T WHERE ID = 4');
    expect(await changes(later)).toEqual(['DELETE 0 4 D', 'INSERT 0 3 HIDDEN']);
  });

  test('is as of a time what its table was', async () => {
    await db.run('CREATE OR REPLACE VIEW W AS SELECT COUNT(*) AS N FROM T');
    const at = await db.instant();
    await db.run('DELETE FROM T WHERE ID = 1');
    expect(await db.cell('SELECT N FROM W')).toBe('2');
    expect(await db.cell(`SELECT N FROM W AT(TIMESTAMP => ${at})`)).toBe('3');
  });

  test('appended to, tells each insert as it was', async () => {
    const from = await view('SELECT ID, V FROM T WHERE G = 1');
    await db.run(`INSERT INTO T VALUES (4, 'd', 1), (5, 'e', 2)`, `UPDATE T SET V = 'x' WHERE ID = 4`, 'DELETE FROM T');
    expect(await changes(from, 'W', 'APPEND_ONLY')).toEqual(['INSERT 0 4 d']);
  });

  test('keeps the id of a row, whatever becomes of its columns', async () => {
    const from = await view('SELECT * FROM T');
    await db.run('UPDATE T SET ID = 7 WHERE ID = 1');
    const clause = `CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${from})`;
    const ids = await db.rows(`SELECT METADATA$ROW_ID FROM W ${clause}`);
    expect(ids.length).toBe(2);
    expect(new Set(ids.flat()).size).toBe(1);
  });
});

describe('a view over two tables', () => {
  const joined = 'SELECT T.ID, N.NAME FROM T JOIN N ON N.G = T.G';
  test('changes with either', async () => {
    const from = await view(joined);
    await db.run(
      `UPDATE N SET NAME = 'uno' WHERE G = 1`,
      'UPDATE T SET G = 2 WHERE ID = 2',
      'DELETE FROM N WHERE G = 2',
      `INSERT INTO T VALUES (4, 'd', 1)`,
    );
    expect(await changes(from)).toEqual([
      'DELETE 0 2 one',
      'DELETE 0 3 two',
      'DELETE 1 1 one',
      'INSERT 0 4 uno',
      'INSERT 1 1 uno',
    ]);
  });

  test('of UNION ALL tells both, also where their rows are equal', async () => {
    const from = await view(`SELECT G FROM T WHERE ID = 1 UNION ALL SELECT G FROM N WHERE NAME = 'one'`);
    await db.run('UPDATE T SET G = 5 WHERE ID = 1', 'UPDATE N SET G = 5 WHERE G = 1');
    expect(await changes(from)).toEqual(['DELETE 1 1', 'DELETE 1 1', 'INSERT 1 5', 'INSERT 1 5']);
  });

  test('and over another view', async () => {
    await view('SELECT ID, G FROM T WHERE ID > 1', 'INNER_W');
    const from = await view('WITH X AS (SELECT * FROM INNER_W) SELECT X.ID, N.NAME FROM X, N WHERE X.G = N.G');
    await db.run('DELETE FROM T WHERE ID = 2');
    expect(await changes(from)).toEqual(['DELETE 0 2 one']);
  });

  test('has the token of the table that changed last', async () => {
    await view(joined);
    const token = () => db.cell(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('W')`);
    const before = await token();
    await db.run('DELETE FROM N WHERE G = 2');
    const after = await token();
    expect(BigInt(after!)).toBeGreaterThan(BigInt(before!));
    await db.run('DELETE FROM T WHERE ID = 1');
    expect(BigInt((await token())!)).toBeGreaterThan(BigInt(after!));
  });
});

describe('what can not be tracked', () => {
  test.each([
    'SELECT G, COUNT(*) AS N FROM T GROUP BY G',
    'SELECT MAX(ID) AS M FROM T',
    'SELECT DISTINCT G FROM T',
    'SELECT ID FROM T LIMIT 1',
    'SELECT ID FROM T QUALIFY ROW_NUMBER() OVER (ORDER BY ID) = 1',
    'SELECT T.ID FROM T LEFT JOIN N ON N.G = T.G',
    'SELECT ID FROM T UNION SELECT G FROM N',
    'SELECT ID FROM T WHERE G IN (SELECT G FROM N)',
    'SELECT ID, CURRENT_TIMESTAMP() AS NOW FROM T',
  ])('%s', async (query) => {
    await db.run(`CREATE OR REPLACE VIEW W AS ${query}`);
    expect((await db.error('ALTER VIEW W SET CHANGE_TRACKING = TRUE')).code).toBe('091912');
    expect((await db.error('CREATE STREAM OF_W ON VIEW W')).code).toBe('091912');
  });

  test('a view, and a table behind one, that nobody tracks', async () => {
    await db.run('CREATE OR REPLACE VIEW W AS SELECT ID FROM T');
    const from = await db.instant();
    const read = `SELECT * FROM W CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${from})`;
    expect(await db.error(read)).toMatchObject({
      code: '091930',
      message: expect.stringContaining("'DB.PUBLIC.W'") as string,
    });
    await db.run('ALTER VIEW W SET CHANGE_TRACKING = TRUE', 'ALTER TABLE T SET CHANGE_TRACKING = FALSE');
    expect(await db.error(read)).toMatchObject({
      code: '091930',
      message: expect.stringContaining("'DB.PUBLIC.T'") as string,
    });
  });

  test('a view is no table, and one whose table is gone fails', async () => {
    await view('SELECT * FROM T');
    for (const statement of ['INSERT INTO W VALUES (1)', 'ALTER TABLE W SET CHANGE_TRACKING = FALSE'])
      expect((await db.error(statement)).code).toBe('000002');
    expect((await db.error('DROP TABLE W')).code).toBe('002003');
    await db.run('ALTER TABLE T ADD COLUMN X INT');
    expect((await db.error('SELECT * FROM W')).code).toBe('002057');
    await db.run('DROP TABLE T');
    expect((await db.error('SELECT * FROM W')).code).toBe('002037');
  });
});

test('a view is shown as one, with its tracking', async () => {
  await view('SELECT ID FROM T');
  const [row] = await db.rows(`SHOW VIEWS LIKE 'W'`);
  expect(row).toContain('ON');
  expect(await db.rows(`SHOW TABLES LIKE 'W'`)).toEqual([]);
  expect((await db.rows('DESCRIBE TABLE W')).map(([name]) => name)).toEqual(['ID']);
});

describe('a stream on a view', () => {
  const show = async () => brief(await db.rows('SELECT METADATA$ACTION, METADATA$ISUPDATE, * FROM S'));
  const hasData = () => db.cell(`SELECT TO_VARCHAR(SYSTEM$STREAM_HAS_DATA('S'))`);

  test('shows the rows that there were, then what changed, until that is consumed', async () => {
    await db.run(
      'CREATE OR REPLACE VIEW W AS SELECT T.ID, N.NAME FROM T JOIN N ON N.G = T.G',
      'CREATE OR REPLACE STREAM S ON VIEW W SHOW_INITIAL_ROWS = TRUE',
    );
    expect((await db.rows(`SHOW VIEWS LIKE 'W'`))[0]).toContain('ON');
    expect(await show()).toEqual(['INSERT 0 1 one', 'INSERT 0 2 one', 'INSERT 0 3 two']);
    await db.run('CREATE OR REPLACE TABLE SINK AS SELECT * FROM S');
    expect(await hasData()).toBe('false');
    await db.run(`UPDATE N SET NAME = 'dos' WHERE G = 2`, 'DELETE FROM T WHERE ID = 1');
    expect(await hasData()).toBe('true');
    expect(await show()).toEqual(['DELETE 0 1 one', 'DELETE 1 3 two', 'INSERT 1 3 dos']);
    await db.run('INSERT INTO SINK SELECT * FROM S');
    expect(await show()).toEqual([]);
    const row = (await db.rows(`SHOW STREAMS LIKE 'S'`))[0]!;
    expect(row).toEqual(expect.arrayContaining(['View', 'DB.PUBLIC.T, DB.PUBLIC.N']));
    await db.run('DROP TABLE N');
    expect((await db.error('SELECT * FROM S')).message).toContain('Base TABLE N dropped');
  });

  test('of inserts is for one table', async () => {
    await db.run(
      'CREATE OR REPLACE VIEW W AS SELECT ID FROM T',
      'CREATE OR REPLACE STREAM S ON VIEW W APPEND_ONLY = TRUE',
    );
    await db.run(`INSERT INTO T VALUES (4, 'd', 1)`, 'DELETE FROM T');
    expect(await show()).toEqual(['INSERT 0 4']);
    await db.run('CREATE OR REPLACE VIEW W AS SELECT T.ID FROM T, N');
    expect((await db.error('CREATE OR REPLACE STREAM S ON VIEW W APPEND_ONLY = TRUE')).code).toBe('091912');
  });
});

describe('a dynamic table', () => {
  beforeEach(async () => {
    await db.run(
      `CREATE OR REPLACE DYNAMIC TABLE D TARGET_LAG = '1 minute' WAREHOUSE = WH AS
       SELECT N.NAME, COUNT(*) AS AMOUNT FROM T JOIN N ON N.G = T.G GROUP BY N.NAME`,
    );
  });

  test('changes with its refreshes, by the rows that differ', async () => {
    const from = await db.instant();
    await db.run('DELETE FROM T WHERE ID = 1', `INSERT INTO N VALUES (3, 'three')`, `INSERT INTO T VALUES (9, 'i', 3)`);
    expect(await changes(from, 'D')).toEqual([]);
    await db.run('ALTER DYNAMIC TABLE D REFRESH');
    expect(await changes(from, 'D')).toEqual(['DELETE 0 one 2', 'INSERT 0 one 1', 'INSERT 0 three 1']);
    const later = await db.instant();
    await db.run('ALTER DYNAMIC TABLE D REFRESH');
    expect(await changes(later, 'D')).toEqual([]);
    expect(await db.rows('SELECT NAME, AMOUNT FROM D ORDER BY NAME')).toEqual([
      ['one', '1'],
      ['three', '1'],
      ['two', '1'],
    ]);
  });

  test("is nobody's to write, and not read by its inserts", async () => {
    expect((await db.error('DELETE FROM D')).code).toBe('000002');
    const error = await db.error('CREATE STREAM OF_D ON DYNAMIC TABLE D APPEND_ONLY = TRUE');
    expect(error.message).toContain('APPEND_ONLY is not supported on dynamic tables');
    const from = await db.instant();
    const read = `SELECT * FROM D CHANGES(INFORMATION => APPEND_ONLY) AT(TIMESTAMP => ${from})`;
    expect((await db.error(read)).message).toContain('APPEND_ONLY is not supported on dynamic tables');
  });

  test('can have a stream', async () => {
    await db.run(
      'CREATE OR REPLACE STREAM OF_D ON DYNAMIC TABLE D',
      'DELETE FROM T WHERE G = 2',
      'ALTER DYNAMIC TABLE D REFRESH',
    );
    expect(brief(await db.rows('SELECT METADATA$ACTION, METADATA$ISUPDATE, * FROM OF_D'))).toEqual(['DELETE 0 two 1']);
  });
});
