import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openClient, openSession, type Cell, type Client } from './engine.ts';

let db: Client;
beforeAll(async () => {
  db = await openClient();
});
afterAll(() => db.engine.close());
beforeEach(async () => {
  db.engine.assumptions.reset();
  await db.run('CREATE OR REPLACE TABLE T (ID NUMBER(38,0), V VARCHAR) CHANGE_TRACKING = TRUE');
});

type Change = { id: Cell; v: Cell; action: Cell; update: Cell; row: Cell };
async function changes(from: string, to: string, mode = 'DEFAULT', table = 'T'): Promise<Change[]> {
  const rows = await db.rows(
    `SELECT ID, V, METADATA$ACTION, METADATA$ISUPDATE, METADATA$ROW_ID FROM ${table}
     CHANGES(INFORMATION => ${mode}) AT(TIMESTAMP => ${from}) END(TIMESTAMP => ${to}) ORDER BY ID, METADATA$ACTION`,
  );
  return rows.map(([id, v, action, update, row]) => ({ id: id!, v: v!, action: action!, update: update!, row: row! }));
}
const brief = (all: Change[]): string[] =>
  all.map((c) => `${c.action} ${c.id} ${c.v} ${c.update === '1' ? 'update' : ''}`.trim());

/** Runs statements one by one; answers an instant before the first and one after each. */
async function steps(...statements: string[]): Promise<string[]> {
  const instants = [await db.instant()];
  for (const sql of statements) {
    await db.run(sql);
    instants.push(await db.instant());
  }
  return instants;
}

describe('net changes in (from, to]', () => {
  test('E1, E2: the lower bound is outside, the upper inside', async () => {
    const [t0, t1, t2] = await steps(`INSERT INTO T VALUES (1, 'a')`, 'SELECT 1');
    expect(brief(await changes(t1!, t2!))).toEqual([]);
    expect(brief(await changes(t0!, t1!))).toEqual(['INSERT 1 a']);
  });

  test('a window that ends exactly at a commit has it, one that starts there has not', async () => {
    db.engine.assumptions.assume('commit-resolution', 'ms');
    const before = await db.instant();
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const token = BigInt((await db.cell(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('T')`))!);
    const commit = `'${new Date(Number(token / 1_000_000n)).toISOString().replace('T', ' ').replace('Z', '')} +00:00'::TIMESTAMP_TZ`;
    const after = await db.instant();
    expect(brief(await changes(before, commit))).toEqual(['INSERT 1 a']);
    expect(brief(await changes(commit, after))).toEqual([]);
  });

  test('E3: insert and update is an insert with the final image', async () => {
    const [t0, , t2] = await steps(`INSERT INTO T VALUES (1, 'a')`, `UPDATE T SET V = 'b'`);
    expect(brief(await changes(t0!, t2!))).toEqual(['INSERT 1 b']);
  });

  test('E4: an update is a delete and an insert of one row id', async () => {
    const [, t1, t2] = await steps(`INSERT INTO T VALUES (1, 'a')`, `UPDATE T SET V = 'b'`);
    const pair = await changes(t1!, t2!);
    expect(brief(pair)).toEqual(['DELETE 1 a update', 'INSERT 1 b update']);
    expect(pair[0]!.row).toMatch(/^[0-9a-f]{40}$/);
    expect(pair[1]!.row).toBe(pair[0]!.row);
  });

  test('E5: away and back is nothing, and so is an update to the same value; the token moves each time', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const tokens: (Cell | undefined)[] = [];
    const [t0, , , t3] = await steps(`UPDATE T SET V = 'b'`, `UPDATE T SET V = 'a'`, `UPDATE T SET V = V`);
    for (const sql of [`UPDATE T SET V = V`, `UPDATE T SET V = V`]) {
      await db.run(sql);
      tokens.push(await db.cell(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('T')`));
    }
    expect(await changes(t0!, t3!)).toEqual([]);
    expect(BigInt(tokens[1]!)).toBeGreaterThan(BigInt(tokens[0]!));
  });

  test('E6: update and delete is a delete with the image at the start', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const [t0, , t2] = await steps(`UPDATE T SET V = 'b'`, 'DELETE FROM T');
    expect(brief(await changes(t0!, t2!))).toEqual(['DELETE 1 a']);
  });

  test('E7: delete and insert again are two rows', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const [t0, , t2] = await steps('DELETE FROM T', `INSERT INTO T VALUES (1, 'a')`);
    const pair = await changes(t0!, t2!);
    expect(brief(pair)).toEqual(['DELETE 1 a', 'INSERT 1 a']);
    expect(pair[0]!.row).not.toBe(pair[1]!.row);
  });

  test('E8: insert and delete is nothing, but a birth', async () => {
    const [t0, , t2] = await steps(`INSERT INTO T VALUES (1, 'a')`, 'DELETE FROM T');
    expect(await changes(t0!, t2!)).toEqual([]);
    expect(brief(await changes(t0!, t2!, 'APPEND_ONLY'))).toEqual(['INSERT 1 a']);
  });

  test('APPEND_ONLY shows births only, as they were inserted', async () => {
    await db.run(`INSERT INTO T VALUES (0, 'old')`);
    const [t0, , , t3] = await steps(
      `INSERT INTO T VALUES (1, 'a'), (2, 'b')`,
      `UPDATE T SET V = 'x'`,
      'DELETE FROM T WHERE ID = 1',
    );
    expect(brief(await changes(t0!, t3!, 'APPEND_ONLY'))).toEqual(['INSERT 1 a', 'INSERT 2 b']);
  });

  test('E9: truncate deletes all', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a'), (2, 'b')`);
    const [t0, t1] = await steps('TRUNCATE TABLE T');
    expect(brief(await changes(t0!, t1!))).toEqual(['DELETE 1 a', 'DELETE 2 b']);
  });

  test('INSERT OVERWRITE deletes the old and inserts the new', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const [t0, t1] = await steps(`INSERT OVERWRITE INTO T SELECT 1, 'a'`);
    const pair = await changes(t0!, t1!);
    expect(brief(pair)).toEqual(['DELETE 1 a', 'INSERT 1 a']);
    expect(await db.cell('SELECT COUNT(*) FROM T')).toBe('1');
  });

  test('MERGE is its inserts, updates and deletes', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
    const [t0, t1] = await steps(
      `MERGE INTO T USING (SELECT * FROM VALUES (1, 'x'), (2, NULL), (4, 'd')) S ON T.ID = S.COLUMN1
       WHEN MATCHED AND S.COLUMN2 IS NULL THEN DELETE
       WHEN MATCHED THEN UPDATE SET V = S.COLUMN2
       WHEN NOT MATCHED THEN INSERT (ID, V) VALUES (S.COLUMN1, S.COLUMN2)`,
    );
    expect(brief(await changes(t0!, t1!))).toEqual([
      'DELETE 1 a update',
      'INSERT 1 x update',
      'DELETE 2 b',
      'INSERT 4 d',
    ]);
  });

  test('E13: the future is refused, for END and for AT', async () => {
    const t0 = await db.instant();
    const future = `'2999-01-01 00:00:00 +00:00'::TIMESTAMP_TZ`;
    const end = await db.error(
      `SELECT * FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0}) END(TIMESTAMP => ${future})`,
    );
    expect(end).toMatchObject({ code: '002148', message: 'Future data is not yet available for table T.' });
    db.engine.assumptions.assume('future-code', '000707');
    expect(await db.error(`SELECT * FROM T AT(TIMESTAMP => ${future})`)).toMatchObject({ code: '000707' });
  });

  test('E17: the commit time counts, not the time of the statement', async () => {
    const t0 = await db.instant();
    await db.run('BEGIN', `INSERT INTO T VALUES (1, 'a')`);
    const t1 = await db.instant();
    await db.run('COMMIT');
    const t2 = await db.instant();
    expect(await changes(t0, t1)).toEqual([]);
    expect(brief(await changes(t1, t2))).toEqual(['INSERT 1 a']);
  });

  test('all rows of a transaction share one commit time, and the columns come before the metadata', async () => {
    const t0 = await db.instant();
    await db.run(
      'BEGIN',
      `INSERT INTO T VALUES (1, 'a')`,
      `INSERT INTO T VALUES (2, 'b')`,
      `UPDATE T SET V = 'c' WHERE ID = 1`,
      'COMMIT',
    );
    const token = await db.cell(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('DB.PUBLIC.T')`);
    const t1 = await db.instant();
    expect(brief(await changes(t0, t1))).toEqual(['INSERT 1 c', 'INSERT 2 b']);
    expect(token).toMatch(/^\d{19}$/);
    const all = await db.result(`SELECT * FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0})`);
    expect(all.columns.map((c) => c.name)).toEqual([
      'ID',
      'V',
      'METADATA$ACTION',
      'METADATA$ISUPDATE',
      'METADATA$ROW_ID',
    ]);
  });

  test('E14: windows in a row fold to the same state as one window', async () => {
    const step = fc.oneof(
      fc.record({
        k: fc.constant('put' as const),
        id: fc.integer({ min: 0, max: 4 }),
        v: fc.integer({ min: 0, max: 2 }),
      }),
      fc.record({ k: fc.constant('delete' as const), id: fc.integer({ min: 0, max: 4 }), v: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 6 }),
        fc.array(step, { minLength: 1, maxLength: 6 }),
        async (first, second) => {
          await db.run(
            'CREATE OR REPLACE TABLE T (ID NUMBER(38,0), V VARCHAR) CHANGE_TRACKING = TRUE',
            `INSERT INTO T VALUES (0, '0'), (1, '1')`,
          );
          const play = async (all: { k: string; id: number; v: number }[]): Promise<void> => {
            for (const s of all) {
              if (s.k === 'delete') await db.run(`DELETE FROM T WHERE ID = ${s.id}`);
              else
                await db.run(
                  `MERGE INTO T USING (SELECT ${s.id} AS I, '${s.v}' AS W) S ON ID = I WHEN MATCHED THEN UPDATE SET V = W WHEN NOT MATCHED THEN INSERT VALUES (I, W)`,
                );
            }
          };
          const t0 = await db.instant();
          await play(first);
          const t1 = await db.instant();
          await play(second);
          const t2 = await db.instant();
          const start = await db.rows(`SELECT ID, V FROM T AT(TIMESTAMP => ${t0})`);
          const fold = (windows: Change[][]): string => {
            const state = new Map<Cell, Cell>(start.map(([id, v]) => [id!, v!]));
            for (const window of windows) {
              for (const c of window.filter((x) => x.action === 'DELETE')) {
                expect(state.get(c.id)).toBe(c.v);
                state.delete(c.id);
              }
              for (const c of window.filter((x) => x.action === 'INSERT')) state.set(c.id, c.v);
            }
            return [...state]
              .map(([id, v]) => `${id}=${v}`)
              .sort()
              .join();
          };
          const end = (await db.rows(`SELECT ID || '=' || V FROM T AT(TIMESTAMP => ${t2}) ORDER BY 1`)).join();
          expect(fold([await changes(t0, t1), await changes(t1, t2)])).toBe(end);
          expect(fold([await changes(t0, t2)])).toBe(end);
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('points in time', () => {
  test('OFFSET, STATEMENT and BEFORE', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const insert = db.lastId;
    await db.run(`UPDATE T SET V = 'b'`);
    const update = db.lastId;
    expect(await db.cell(`SELECT V FROM T AT(STATEMENT => '${insert}')`)).toBe('a');
    expect(await db.cell(`SELECT V FROM T BEFORE(STATEMENT => '${update}')`)).toBe('a');
    expect(await db.cell(`SELECT V FROM T AT(OFFSET => 0)`)).toBe('b');
    const included = await db.rows(
      `SELECT V FROM T CHANGES(INFORMATION => DEFAULT) BEFORE(STATEMENT => '${update}') END(STATEMENT => '${update}') ORDER BY V`,
    );
    expect(included).toEqual([['a'], ['b']]);
    expect(await db.rows(`SELECT V FROM T CHANGES(INFORMATION => DEFAULT) AT(STATEMENT => '${update}')`)).toEqual([]);
  });

  test('a DML inside a transaction stands for the commit', async () => {
    await db.run('BEGIN', `INSERT INTO T VALUES (1, 'a')`);
    const first = db.lastId;
    await db.run(`INSERT INTO T VALUES (2, 'b')`, 'COMMIT');
    expect(await db.cell(`SELECT COUNT(*) FROM T AT(STATEMENT => '${first}')`)).toBe('2');
  });

  test('what cannot be a point', async () => {
    await db.run('CREATE OR REPLACE TABLE U (A INT)');
    const ddl = db.lastId;
    expect((await db.error(`SELECT * FROM T AT(STATEMENT => '${ddl}')`)).message).toContain(
      `Statement ${ddl} cannot be used to specify time`,
    );
    expect((await db.error(`SELECT * FROM T AT(STATEMENT => 'none')`)).message).toContain('Statement none not found');
    expect((await db.error(`SELECT * FROM T AT(OFFSET => 60)`)).message).toBe(
      'SQL compilation error: Invalid data type [60] in AT(OFFSET => 60)',
    );
    expect((await db.error(`SELECT * FROM T AT(OFFSET => NULL)`)).message).toContain(
      'Invalid data type [null] in AT(OFFSET => null)',
    );
    expect((await db.error(`SELECT * FROM T AT(TIMESTAMP => NULL)`)).code).toBe('000707');
    expect((await db.error(`SELECT * FROM T CHANGES(INFORMATION => DEFAULT) AT(STREAM => 's')`)).message).toContain(
      "Stream 's' not found.",
    );
    const now = await db.error(`SELECT * FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => CURRENT_TIMESTAMP())`);
    expect(now.message).toContain('argument TIMESTAMP to function AT needs to be constant');
    expect((await db.error(`SELECT * FROM T END(OFFSET => 0)`)).code).toBe('001003');
    expect((await db.error(`SELECT * FROM T CHANGES(INFORMATION => DEFAULT)`)).code).toBe('001003');
    expect((await db.error(`SELECT * FROM T CHANGES(INFORMATION => BOTH) AT(OFFSET => 0)`)).code).toBe('001003');
    const bind = { 1: { type: 'TEXT', value: '2026-01-01' } };
    expect((await db.error(`SELECT * FROM T AT(TIMESTAMP => ?::TIMESTAMP_TZ)`, bind)).message).toContain(
      'needs to be constant',
    );
  });

  test('session variables may be points; text without a zone is UTC', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const t1 = await db.instant();
    await db.run('DELETE FROM T', `SET P = ${t1.replace('::TIMESTAMP_TZ', '')}`);
    expect(await db.cell('SELECT COUNT(*) FROM T AT(TIMESTAMP => $P::TIMESTAMP_TZ)')).toBe('1');
    await db.run(`ALTER SESSION SET TIMEZONE = 'America/Los_Angeles'`);
    expect(
      await db.cell(`SELECT COUNT(*) FROM T AT(TIMESTAMP => ${t1.replace(' +00:00', '').replace('_TZ', '_NTZ')})`),
    ).toBe('1');
    await db.run(`ALTER SESSION SET TIMEZONE = 'UTC'`);
  });

  test('digits below a millisecond are cut, unless the assumption says otherwise', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const token = BigInt((await db.cell(`SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('T')`))!);
    const seconds = new Date(Number(token / 1_000_000n)).toISOString().slice(0, 19).replace('T', ' ');
    const exact = `'${seconds}.${String(token % 1_000_000_000n).padStart(9, '0')} +00:00'::TIMESTAMP_TZ`;
    db.engine.assumptions.assume('point-resolution', 'ns');
    expect(await db.cell(`SELECT COUNT(*) FROM T AT(TIMESTAMP => ${exact})`)).toBe('1');
    db.engine.assumptions.assume('point-resolution', 'ms');
    if (token % 1_000_000n > 0n && BigInt(await createdOn()) < token / 1_000_000n)
      expect(await db.cell(`SELECT COUNT(*) FROM T AT(TIMESTAMP => ${exact})`)).toBe('0');
  });
});

async function createdOn(table = 'T'): Promise<string> {
  return (await db.rows(`SHOW TABLES LIKE '${table}'`))[0]![0]!.replace('.', '');
}

describe('history', () => {
  test('E10: CREATE OR REPLACE loses it', async () => {
    const t0 = await db.instant();
    await db.run('CREATE OR REPLACE TABLE T (ID INT, V VARCHAR) CHANGE_TRACKING = TRUE');
    const query = `SELECT * FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0})`;
    expect(await db.error(query)).toMatchObject({ code: '000707', state: '02000' });
    db.engine.assumptions.assume('recreated-code', '091930');
    expect(await db.error(query)).toMatchObject({ code: '091930', state: '2F003' });
  });

  test('E11: tracking off and on', async () => {
    const t0 = await db.instant();
    await db.run('ALTER TABLE T SET CHANGE_TRACKING = FALSE');
    const query = `SELECT * FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0})`;
    const off = await db.error(query);
    expect(off).toMatchObject({ code: '091930', state: '2F003' });
    expect(off.message).toContain(`on table 'DB.PUBLIC.T'`);
    await db.run('ALTER TABLE T SET CHANGE_TRACKING = TRUE');
    expect(await db.error(query)).toMatchObject({ code: '091930' });
    const t1 = await db.instant();
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    expect(brief(await changes(t1, await db.instant()))).toEqual(['INSERT 1 a']);
  });

  test('a start before tracking is refused, or accepted while nothing changed', async () => {
    await db.run('CREATE OR REPLACE TABLE U (ID INT, V VARCHAR)');
    const t0 = await db.instant();
    await db.run('ALTER TABLE U SET CHANGE_TRACKING = TRUE');
    const t1 = await db.instant();
    const query = `SELECT * FROM U CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0}) END(TIMESTAMP => ${t1})`;
    expect(await db.error(query)).toMatchObject({ code: '091930' });
    db.engine.assumptions.assume('tracking-before-enablement', 'accepted');
    expect(await db.rows(query)).toEqual([]);
  });

  test('row ids may change with tracking', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const id = async (): Promise<Cell> => {
      const t0 = await db.instant();
      await db.run(`UPDATE T SET V = V || 'x'`);
      return (await changes(t0, await db.instant()))[0]!.row;
    };
    const before = await id();
    expect(await id()).toBe(before);
    await db.run('ALTER TABLE T SET CHANGE_TRACKING = FALSE', 'ALTER TABLE T SET CHANGE_TRACKING = TRUE');
    expect(await id()).not.toBe(before);
  });

  test('E18: retention', async () => {
    const t0 = await db.instant();
    await db.run(`INSERT INTO T VALUES (1, 'a')`, 'DELETE FROM T');
    const t1 = await db.instant();
    await db.engine.expireHistory('DB.PUBLIC.T', Date.now());
    expect(await db.error(`SELECT * FROM T AT(TIMESTAMP => ${t0})`)).toMatchObject({ code: '000707' });
    expect(await db.error(`SELECT * FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t1})`)).toMatchObject({
      code: '000707',
    });
    await db.run('CREATE TABLE SHORT (A INT) DATA_RETENTION_TIME_IN_DAYS = 0');
    const t2 = await db.instant();
    expect(await db.error(`SELECT * FROM SHORT AT(TIMESTAMP => ${t2})`)).toMatchObject({ code: '000707' });
    await db.run('ALTER TABLE SHORT SET DATA_RETENTION_TIME_IN_DAYS = 1');
    expect(await db.error(`SELECT * FROM SHORT AT(TIMESTAMP => ${t2})`)).toMatchObject({ code: '000707' });
  });

  test('a time before the table is refused', async () => {
    const t0 = await db.instant();
    await db.run('CREATE OR REPLACE TABLE U (ID INT)');
    expect((await db.error(`SELECT * FROM U AT(TIMESTAMP => ${t0})`)).message).toBe(
      'Time travel data is not available for table U. The requested time is either beyond the allowed time travel period or before the object creation time.',
    );
  });

  test('E12: added, renamed, dropped and widened columns: the current ones show, for all images', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`);
    const t0 = await db.instant();
    await db.run(
      `UPDATE T SET V = 'b'`,
      'ALTER TABLE T ADD COLUMN N NUMBER(5,1) DEFAULT 7, W VARCHAR',
      'ALTER TABLE T RENAME COLUMN V TO X',
    );
    const t1 = await db.instant();
    const query = (list: string): string =>
      `SELECT ${list} FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0}) END(TIMESTAMP => ${t1}) ORDER BY METADATA$ACTION`;
    expect(await db.rows(query('ID, X, N, W, METADATA$ACTION'))).toEqual([
      ['1', 'a', '7.0', null, 'DELETE'],
      ['1', 'b', '7.0', null, 'INSERT'],
    ]);
    await db.run('ALTER TABLE T ALTER COLUMN N SET DATA TYPE NUMBER(20,1)', 'ALTER TABLE T DROP COLUMN W');
    expect(await db.rows(query('N'))).toEqual([['7.0'], ['7.0']]);
    expect(await db.error(query('W'))).toMatchObject({ code: '000904' });
    await db.run('ALTER TABLE T DROP COLUMN X');
    expect(await db.rows(query('*'))).toEqual([]);
  });

  test('SWAP WITH takes name and history apart', async () => {
    await db.run(
      `INSERT INTO T VALUES (1, 'a')`,
      'CREATE OR REPLACE TABLE U (ID INT, V VARCHAR) CHANGE_TRACKING = TRUE',
    );
    const [before, other] = [await createdOn('T'), await createdOn('U')];
    const t0 = await db.instant();
    await db.run(`INSERT INTO U VALUES (9, 'u')`, 'ALTER TABLE T SWAP WITH U');
    expect(brief(await changes(t0, await db.instant()))).toEqual(['INSERT 9 u']);
    expect([await createdOn('T'), await createdOn('U')]).toEqual([other, before]);
    expect(await db.cell('SELECT V FROM U')).toBe('a');
  });

  test('DROP and UNDROP keep it, unless assumed lost; RENAME takes it along', async () => {
    const t0 = await db.instant();
    await db.run(`INSERT INTO T VALUES (1, 'a')`, 'DROP TABLE T');
    expect(await db.error('SELECT * FROM T')).toMatchObject({ code: '002003', state: '42S02' });
    await db.run('UNDROP TABLE T');
    expect(brief(await changes(t0, await db.instant()))).toEqual(['INSERT 1 a']);
    await db.run('DROP TABLE IF EXISTS T2', 'ALTER TABLE T RENAME TO T2');
    expect(brief(await changes(t0, await db.instant(), 'DEFAULT', 'T2'))).toEqual(['INSERT 1 a']);
    db.engine.assumptions.assume('undrop-history', 'lost');
    await db.run('DROP TABLE T2', 'UNDROP TABLE T2');
    expect(await db.error(`SELECT * FROM T2 AT(TIMESTAMP => ${t0})`)).toMatchObject({ code: '000707' });
  });

  test('a dropped and newly made table is another one', async () => {
    const t0 = await db.instant();
    await db.run('DROP TABLE T', 'CREATE TABLE T (ID INT, V VARCHAR) CHANGE_TRACKING = TRUE');
    expect(await db.error(`SELECT * FROM T CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0})`)).toMatchObject({
      code: '000707',
    });
    expect((await db.error('UNDROP TABLE T')).code).toBe('002002');
  });

  test('a clone keeps row ids and starts its own history', async () => {
    await db.run(`INSERT INTO T VALUES (1, 'a')`, 'CREATE OR REPLACE TABLE C CLONE T');
    const t0 = await db.instant();
    await db.run(`UPDATE T SET V = 'b'`, `UPDATE C SET V = 'c'`);
    const t1 = await db.instant();
    const [mine, clones] = [await changes(t0, t1), await changes(t0, t1, 'DEFAULT', 'C')];
    expect(clones.map((c) => c.v)).toEqual(['a', 'c']);
    expect(clones[0]!.row).toBe(mine[0]!.row);
  });
});

test('two users do not read each other’s results', async () => {
  await db.rows(`SELECT 1 AS A`);
  const id = db.lastId;
  const other = await openSession(db.engine, 'OTHER');
  expect((await other.error(`SELECT * FROM TABLE(RESULT_SCAN('${id}'))`)).message).toContain('not found');
  const same = await openSession(db.engine);
  expect(await same.cell(`SELECT A FROM TABLE(RESULT_SCAN('${id}'))`)).toBe('1');
});
