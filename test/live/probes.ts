/**
 * Questions that only a real account answers. Each probe says what the design assumes and what was observed; none
 * passes or fails. P5, P7, P9, P17 and P18 need streams, event tables or replication and are not here.
 */
import { keysStatement } from '../../lambdas/snowflake/sql/keys.ts';
import { close, run, streamed } from '../local/sdk.ts';
import type { Account } from '../snowflake/semantics/account.ts';
import { brief, changesOf, play } from '../snowflake/semantics/windows.ts';

export type Probe = {
  id: string;
  question: string;
  assumed: string;
  run(account: Account): Promise<string[]>;
};

let tables = 0;
async function newTable(account: Account, columns = 'ID NUMBER(38,0), V VARCHAR', more = ''): Promise<string> {
  const table = account.table(`P${++tables}`);
  await account.sql(`CREATE TABLE ${table} (${columns}) CHANGE_TRACKING = TRUE ${more}`);
  return table;
}

/** `ok: <what>` or the error's code and first line. */
async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    const done = await work;
    return `ok${done === undefined ? '' : `: ${JSON.stringify(done)}`}`;
  } catch (error) {
    const { code, sqlState, message } = error as { code?: unknown; sqlState?: unknown; message?: string };
    return `${String(code)} / ${String(sqlState)}: ${(message ?? '').replaceAll(/\s+/g, ' ').slice(0, 200)}`;
  }
}

const only = async (account: Account, sql: string, options = {}) =>
  (await account.sql(sql, options)).rows[0]?.[0] ?? null;
const nanoseconds = async (account: Account) =>
  BigInt((await only(account, 'SELECT TO_VARCHAR(DATE_PART(EPOCH_NANOSECOND, CURRENT_TIMESTAMP()))')) ?? '0');
const token = (account: Account, table: string) => only(account, `SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('${table}')`);

export const probes: Probe[] = [
  {
    id: 'P1',
    question: 'How much later does an open session see another session’s commit?',
    assumed: 'within safetyLag (30 s); usually at once',
    async run(account) {
      const table = await newTable(account);
      const reader = await account.session();
      const rounds = 20;
      let late = 0;
      let worst = 0;
      for (let i = 1; i <= rounds; i++) {
        await account.sql(`INSERT INTO ${table} VALUES (${i}, 'a')`);
        const committed = Date.now();
        for (let tries = 0; ; tries++) {
          const { rows } = await run(reader, `SELECT COUNT(*) FROM ${table}`);
          if (Number(rows[0]![0]) === i || Date.now() - committed > 60_000) break;
          if (tries === 0) late++;
          worst = Date.now() - committed;
        }
      }
      return [`${late} of ${rounds} commits were not seen at once, the worst after ${worst} ms`];
    },
  },
  {
    id: 'P2',
    question: 'How far do commit times lie from the clock that a session reads?',
    assumed: 'less than safetyLag (30 s) ahead or behind',
    async run(account) {
      const table = await newTable(account);
      let [ahead, behind] = [0n, 0n];
      for (let i = 0; i < 20; i++) {
        const before = await nanoseconds(account);
        await account.sql(`INSERT INTO ${table} VALUES (${i}, 'a')`);
        const after = await nanoseconds(account);
        const commit = BigInt((await token(account, table)) ?? '0');
        if (commit - after > ahead) ahead = commit - after;
        if (before - commit > behind) behind = before - commit;
      }
      return [
        `commit time ahead of a later reading by at most ${ahead / 1_000_000n} ms`,
        `behind an earlier one by ${behind / 1_000_000n} ms`,
      ];
    },
  },
  {
    id: 'P3',
    question: 'What is the error of END and AT in the future?',
    assumed: '"Future data is not yet available for table ..."; the code is unknown',
    async run(account) {
      const table = await newTable(account);
      const t0 = await account.mark();
      const future = `'2099-01-01 00:00:00.000 +00:00'::TIMESTAMP_TZ`;
      return [
        `END: ${await outcome(changesOf(account, table, ['ID'], t0, future))}`,
        `AT: ${await outcome(account.sql(`SELECT * FROM ${table} AT(TIMESTAMP => ${future})`))}`,
      ];
    },
  },
  {
    id: 'P4',
    question: 'What may stand in AT and END: binds, variables, microseconds?',
    assumed: 'nothing but literals with milliseconds is relied on',
    async run(account) {
      const table = await newTable(account);
      const [t0, t1] = await play(account, [`INSERT INTO ${table} VALUES (1, 'a')`]);
      const window = (from: string, to: string) =>
        `SELECT COUNT(*) FROM ${table} CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${from}) END(TIMESTAMP => ${to})`;
      const text = (literal: string) => /'(.*)'/.exec(literal)![1]!;
      const micros = (literal: string) => literal.replace(/(\.\d{3})/, '$1999');
      return [
        `bind: ${await outcome(only(account, window('?::TIMESTAMP_TZ', '?::TIMESTAMP_TZ'), { binds: [text(t0!), text(t1!)] }))}`,
        `variable: ${await outcome(
          (async () => {
            await account.sql(`SET PROBE_FROM = ${t0}`);
            return only(account, window('$PROBE_FROM', t1!));
          })(),
        )}`,
        `microseconds: ${await outcome(only(account, window(micros(t0!), micros(t1!))))}`,
      ];
    },
  },
  {
    id: 'P6',
    question: 'May CHANGES AT(TIMESTAMP) use the history that a stream keeps beyond the retention?',
    assumed: 'no; a window stays inside the retention',
    async run(account) {
      const table = await newTable(account, 'ID NUMBER', 'DATA_RETENTION_TIME_IN_DAYS = 0');
      const stream = await outcome(
        account.sql(`CREATE STREAM ${account.table('PROBE_STREAM')} ON TABLE ${table}`).then(() => undefined),
      );
      if (stream !== 'ok') return [`streams are not emulated (${stream.slice(0, 60)})`];
      const [t0, t1] = await play(account, [`INSERT INTO ${table} VALUES (1)`]);
      return [
        `retention 0 with a stream: ${await outcome(changesOf(account, table, ['ID'], t0!, t1!).then(brief))}`,
        'a table older than its retention is to be probed by hand',
      ];
    },
  },
  {
    id: 'P8',
    question: 'Whose history do CHANGES read after SWAP WITH, and what becomes of created_on?',
    assumed: 'the other object’s; created_on goes along',
    async run(account) {
      const [one, two] = [await newTable(account), await newTable(account)];
      const [t0] = await play(account, [
        [`INSERT INTO ${one} VALUES (1, 'one')`, `INSERT INTO ${two} VALUES (2, 'two')`],
      ]);
      const created = async (table: string) => {
        const { rows, columns } = await account.sql(
          `SHOW TABLES LIKE '${/"([^"]+)"$/.exec(table)![1]}' IN SCHEMA "${account.database}"."${account.schema}"`,
        );
        return rows[0]![columns.indexOf('created_on')];
      };
      const before = await created(one);
      await account.sql(`ALTER TABLE ${one} SWAP WITH ${two}`);
      const t2 = await account.mark();
      return [
        `changes across it: ${await outcome(changesOf(account, one, ['ID', 'V'], t0!, t2).then(brief))}`,
        `created_on ${(await created(one)) === before ? 'stays with the name' : 'goes with the table'}`,
      ];
    },
  },
  {
    id: 'P10',
    question: 'What do widening, dropping and renaming a column do to a window over them?',
    assumed: 'widened: readable; dropped: gone from all of it; renamed: under the new name',
    async run(account) {
      const table = await newTable(account, 'ID NUMBER(5,0), V VARCHAR(5), W NUMBER');
      const [t0] = await play(account, [`INSERT INTO ${table} VALUES (1, 'a', 1)`]);
      const seen: string[] = [];
      for (const [change, columns] of [
        ['ALTER COLUMN V SET DATA TYPE VARCHAR(50)', ['ID', 'V']],
        ['ALTER COLUMN ID SET DATA TYPE NUMBER(20,0)', ['ID', 'V']],
        ['RENAME COLUMN V TO X', ['ID', 'X']],
        ['DROP COLUMN W', ['ID', 'X']],
        ['DROP COLUMN X', ['ID', 'X']],
      ] as const) {
        await account.sql(`ALTER TABLE ${table} ${change}`);
        const to = await account.mark();
        seen.push(`${change}: ${await outcome(changesOf(account, table, [...columns], t0!, to).then(brief))}`);
      }
      return seen;
    },
  },
  {
    id: 'P11',
    question: 'Do CHANGES work over a DROP and UNDROP?',
    assumed: 'yes, with the history of before',
    async run(account) {
      const table = await newTable(account);
      const [t0] = await play(account, [`INSERT INTO ${table} VALUES (1, 'a')`]);
      await account.sql(`DROP TABLE ${table}`);
      const dropped = await outcome(changesOf(account, table, ['ID'], t0!, await account.mark()).then(brief));
      await account.sql(`UNDROP TABLE ${table}`);
      await account.sql(`INSERT INTO ${table} VALUES (2, 'b')`);
      const back = await outcome(changesOf(account, table, ['ID'], t0!, await account.mark()).then(brief));
      return [`dropped: ${dropped}`, `undropped: ${back}`];
    },
  },
  {
    id: 'P12',
    question: 'Do the gate, SHOW and DESCRIBE need a warehouse?',
    assumed: 'no',
    async run(account) {
      const table = await newTable(account);
      const session = await account.session({ warehouse: '' });
      const current = (await run(session, 'SELECT CURRENT_WAREHOUSE()')).rows[0]![0];
      const seen = [`the session’s warehouse: ${String(current)} (if not null, read WAREHOUSE_SIZE in QUERY_HISTORY)`];
      for (const sql of [
        'SELECT CURRENT_TIMESTAMP()',
        `SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME('${table}')`,
        `SHOW TABLES IN SCHEMA "${account.database}"."${account.schema}"`,
        `DESCRIBE TABLE ${table}`,
        `SELECT COUNT(*) FROM ${table}`,
      ]) {
        const id = { value: '' };
        const done = await outcome(run(session, sql).then((answer) => void (id.value = answer.queryId)));
        const size = await outcome(
          only(
            account,
            `SELECT WAREHOUSE_SIZE FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE QUERY_ID = '${id.value}'`,
          ),
        );
        seen.push(`${sql.replaceAll(/"[^"]*"\./g, '').slice(0, 60)}: ${done}, size ${size.slice(0, 60)}`);
      }
      await close(session);
      return seen;
    },
  },
  {
    id: 'P13',
    question: 'What is the error of an unknown statement id, and what is AT(STATEMENT => a SELECT’s)?',
    assumed: '000709 "Statement ... not found"; SELECT ids are not relied on',
    async run(account) {
      const table = await newTable(account);
      const { queryId } = await account.sql('SELECT 1');
      await account.sql(`INSERT INTO ${table} VALUES (1, 'a')`);
      const at = (id: string) => outcome(only(account, `SELECT COUNT(*) FROM ${table} AT(STATEMENT => '${id}')`));
      return [`unknown: ${await at('01b00000-0000-0000-0000-000000000000')}`, `a SELECT: ${await at(queryId)}`];
    },
  },
  {
    id: 'P14',
    question: 'Which rendering of FLOAT keeps every bit?',
    assumed: "TO_VARCHAR(x, 'TME')",
    async run(account) {
      const numbers = [0.1 + 0.2, Math.PI * 1e28, 5e-324, 1.7976931348623157e308];
      const seen: string[] = [];
      for (const number of numbers) {
        const value = `${number.toExponential()}::FLOAT`;
        const { rows } = await account.sql(`SELECT ${value}, TO_VARCHAR(${value}, 'TME'), TO_JSON(${value}::VARIANT)`, {
          fetchAsString: ['Number'],
        });
        const kept = rows[0]!.map((text) => (Number(text) === number ? 'kept' : 'lost'));
        seen.push(
          `${number}: wire ${rows[0]![0]} ${kept[0]}, TME ${rows[0]![1]} ${kept[1]}, JSON ${rows[0]![2]} ${kept[2]}`,
        );
      }
      return seen;
    },
  },
  {
    id: 'P15',
    question: 'Is the result of a repeated CHANGES text reused without a warehouse?',
    assumed: 'not relied on; USE_CACHED_RESULT = FALSE',
    async run(account) {
      const table = await newTable(account);
      const [t0, t1] = await play(account, [`INSERT INTO ${table} VALUES (1, 'a')`]);
      await account.sql('ALTER SESSION SET USE_CACHED_RESULT = TRUE');
      const ids: string[] = [];
      for (let i = 0; i < 2; i++) {
        const { queryId } = await account.sql(
          `SELECT ID FROM ${table} CHANGES(INFORMATION => DEFAULT) AT(TIMESTAMP => ${t0}) END(TIMESTAMP => ${t1})`,
        );
        ids.push(queryId);
      }
      await account.sql('ALTER SESSION SET USE_CACHED_RESULT = FALSE');
      const scanned = `SELECT BYTES_SCANNED FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE QUERY_ID = '${ids[1]}'`;
      return [`bytes scanned by the second: ${await outcome(only(account, scanned))}`];
    },
  },
  {
    id: 'P16',
    question: 'Does a rewrite without a change move the token or the row ids?',
    assumed: 'it may move the token; a window over it is empty',
    async run(account) {
      const table = await newTable(account);
      await account.sql(`INSERT INTO ${table} VALUES (1, 'a')`);
      const before = await token(account, table);
      const [t0, t1] = await play(account, [`UPDATE ${table} SET V = V`]);
      const moved = (await token(account, table)) !== before;
      const changes = await outcome(changesOf(account, table, ['ID', 'V'], t0!, t1!).then(brief));
      return [`token ${moved ? 'moved' : 'stayed'}`, `window: ${changes}`, 'reclustering is to be probed by hand'];
    },
  },
  {
    id: 'P19',
    question: 'What is the key text of a NULL key column?',
    assumed: 'not NULL, and other than that of any text',
    async run(account) {
      const keys = `SELECT TO_JSON(ARRAY_CONSTRUCT(NULL::VARCHAR, 'a')), TO_JSON(ARRAY_CONSTRUCT('null', 'a'))`;
      return [await outcome(account.sql(keys).then((answer) => answer.rows[0]))];
    },
  },
  {
    id: 'P20',
    question: 'How are results cut into chunks?',
    assumed: 'first rows inline, growing chunks, at most CLIENT_RESULT_CHUNK_SIZE uncompressed; sizes are exact',
    async run(account) {
      await account.sql('ALTER SESSION SET CLIENT_RESULT_CHUNK_SIZE = 16');
      const { statement, total } = await account.sql(
        `SELECT TO_VARCHAR(SEQ8()) AS A, REPEAT('x', 200) AS B FROM TABLE(GENERATOR(ROWCOUNT => 400000))`,
        { streamResult: true },
      );
      const rows = await streamed(statement);
      return [`${rows.length} of ${total} rows; see the chunk list of GET /queries/<id>/result for sizes`];
    },
  },
  {
    id: 'P21',
    question: 'Is one bind, `:1`, taken twice in a query, and does SHA2 of it and a NULL give NULL?',
    assumed: 'yes; the text in QUERY_HISTORY keeps `:1`',
    async run(account) {
      const sql = `SELECT SHA2(:1 || V), NVL2(V, SHA2(:1 || V), NULL) FROM (SELECT NULL::VARCHAR AS V UNION ALL SELECT 'v')`;
      return [await outcome(account.sql(sql, { binds: ['salt'] }).then((answer) => answer.rows))];
    },
  },
  {
    id: 'P22',
    question: 'Do keys that are bound as one JSON text of 4 MiB come out of FLATTEN as they went in?',
    assumed: 'yes',
    async run(account) {
      const few = [['a"\\/\u0000\u{1f4a7}', '-0.50']];
      const many = Array.from({ length: 40_000 }, (_, at) => [String(at).padStart(80, 'x'), '1']);
      const ask = (keys: string[][], what: string) =>
        account.sql(`SELECT ${what} FROM (${keysStatement(2)})`, { binds: [JSON.stringify(keys)] });
      return [
        await outcome(ask(few, '*').then(({ rows }) => [rows[0], rows[0]?.[1] === few[0]![0]])),
        await outcome(ask(many, 'COUNT(*), COUNT(DISTINCT "K"), MAX("P0")').then(({ rows }) => rows[0])),
      ];
    },
  },
];
