/** `check` over the stand-ins, the rest of it: what is in a table and what it was, the warehouse, the bus, brokers that refuse. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reachBus } from '../../lambdas/aws/events.ts';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import { check, type Report } from '../../lambdas/operate/check/index.ts';
import { startServer } from '../aws/server.ts';
import { layout, META, window } from '../checkpoints/table.ts';
import { Stands } from '../faults/pipeline.ts';
import { Setups, type Setup } from './checked.ts';

let stands: Stands;
let checked: Setups;
beforeAll(async () => {
  stands = await Stands.start();
  checked = new Setups(stands);
});
afterAll(() => stands.stop());

const well: Report = { failures: [], notes: [] };
const look = ({ deployment, config }: Setup, deep = false) => check(deployment.parts, config, deep);
const made = async () => checked.withSource(await checked.deploy());

test('a key that two rows have: the statement of the fix shows it', async () => {
  const setup = await made();
  await stands.sql(`INSERT INTO ${setup.table} VALUES (1, 'a'), (2, 'b'), (3, 'c')`);
  expect(await look(setup)).toEqual(well);
  await stands.sql(`INSERT INTO ${setup.table} VALUES (2, 'b2'), (3, 'c2'), (3, 'c3')`);
  const { failures } = await look(setup);
  expect(failures).toMatchObject([{ source: setup.source.name, code: 'DUPLICATE_KEY' }]);
  expect(failures[0]!.what).toContain('2 values');
  const found = await stands.rows(failures[0]!.fix[0]!);
  expect(found.map((row) => row.map(String)).sort()).toEqual([
    ['2', '2'],
    ['3', '3'],
  ]);
  // Of the rows that would be sent.
  setup.source.shape = {
    ...{ include: null, exclude: [], computed: [], masks: [], skip: [] },
    where: 'LENGTH(NAME) = 1',
  };
  expect(await look(setup)).toEqual(well);
  delete setup.source.shape;
  await stands.sql(`DELETE FROM ${setup.table} WHERE LENGTH(NAME) > 1`);
  expect(await look(setup)).toEqual(well);
});

test('a large table is scanned only where that is asked for', async () => {
  const setup = await made();
  const { source, table } = setup;
  await stands.snowflake.control.load(table, "SELECT range AS ID, 'x' AS NAME FROM range(1000001)");
  expect(await look(setup)).toEqual({
    failures: [],
    notes: [
      {
        source: source.name,
        what: 'Whether key ID is unique was not looked at, it has 1,000,001 rows: `--deep` scans the table.',
      },
    ],
  });
  expect(await look(setup, true)).toEqual(well);
  source.maxRate = { unit: 'rows', perSecond: 10 };
  expect(await look(setup, true)).toMatchObject({
    failures: [],
    notes: [
      { what: expect.stringMatching(/1,000,001 rows must be published within a day .* snowflake\.staging/) as string },
    ],
  });
  delete source.maxRate;
  await stands.sql(`INSERT INTO ${table} VALUES (7, 'again')`);
  expect((await look(setup, true)).failures).toMatchObject([{ code: 'DUPLICATE_KEY' }]);
});

test.each(['NULL', '0', '600'])('a warehouse with AUTO_SUSPEND = %s', async (suspend) => {
  const setup = await made();
  await stands.sql(`ALTER WAREHOUSE WH SET AUTO_SUSPEND = ${suspend}`);
  const { failures, notes } = await look(setup);
  expect(failures).toEqual([]);
  const fix = ['ALTER WAREHOUSE WH SET AUTO_SUSPEND = 60;'];
  expect(notes).toEqual([{ source: null, what: expect.stringContaining('Warehouse WH') as string, fix }]);
  await checked.runFix(setup, fix[0]!);
  expect(await look(setup)).toEqual(well);
});

test('a warehouse that sleeps otherwise than the budget believes', async () => {
  const setup = await made();
  setup.config.budget = { creditsPerDay: 1, creditsPerHour: 1, idleMs: 120_000 };
  const { notes } = await look(setup);
  expect(notes).toMatchObject([{ source: null, fix: ['ALTER WAREHOUSE WH SET AUTO_SUSPEND = 120;'] }]);
  await checked.runFix(setup, notes[0]!.fix![0]!);
  expect(await look(setup)).toEqual(well);
  await stands.sql('ALTER WAREHOUSE WH SET AUTO_SUSPEND = 60');
});

test('a table that is made anew each night', async () => {
  const setup = await made();
  const { source, table, config } = setup;
  const rebuild = () =>
    stands.sql(
      `CREATE OR REPLACE TABLE ${table} (ID NUMBER(38,0) NOT NULL, NAME VARCHAR) CHANGE_TRACKING = TRUE DATA_RETENTION_TIME_IN_DAYS = 1`,
      ...snowflakeGrants({ ...config, sources: [source] }),
    );
  await rebuild();
  await rebuild();
  const fix = [`${source.name}: onHistoryLost: resnapshot`];
  expect(await look(setup)).toEqual({
    failures: [],
    notes: [{ source: source.name, what: expect.stringContaining('made anew 2 times') as string, fix }],
  });
  source.onHistoryLost = 'resnapshot';
  expect(await look(setup)).toEqual(well);
  // Read before it was made anew.
  const { store } = stands.table;
  await store.create(source.name, META);
  await store.putPartitions(source.name, 2);
  await store.putLayout(source.name, {
    ...layout(1, 2),
    object: source.object,
    topic: source.topic,
    topicPartitions: 3,
  });
  await store.putWindow(source.name, window(1, { createdOn: '2026-01-01T00:00:00.000Z', ranges: [], totalRows: 0 }));
  expect(await look(setup)).toEqual(well);
  source.onHistoryLost = 'stop';
  const { failures } = await look(setup);
  expect(failures).toMatchObject([{ source: source.name, code: 'HISTORY_LOST' }]);
  expect(failures[0]!.fix).toEqual([fix[0], `npx snowmelt recover ${source.name} --take anew --reason "..."`]);
  await checked.runFix(setup, failures[0]!.fix[1]!);
  const after = await look(setup);
  expect(after.failures).toEqual([]);
});

test('a table that is shared with the account: what its provider has to do, and the stream that is sure to be read', async () => {
  const setup = await made();
  const { source, role, table } = setup;
  await stands.sql(
    `CREATE DATABASE SHARED FROM SHARE THEIRS.${source.object.database}`,
    `GRANT IMPORTED PRIVILEGES ON DATABASE SHARED TO ROLE ${role}`,
  );
  source.object = { ...source.object, database: 'SHARED' };
  const stream = [`${source.name}: stream: { managed: true, on: 'SHARED.PUBLIC.T' }`];
  const what = expect.stringContaining(`from share THEIRS.`) as string;
  const notes = [{ source: source.name, what, fix: stream }];
  expect(await look(setup)).toEqual({ failures: [], notes });
  await stands.sql(`ALTER TABLE ${table} SET CHANGE_TRACKING = FALSE`);
  source.every = 'rate(1 day)';
  const { failures } = await look(setup);
  expect(failures.map(({ code }) => code)).toEqual(['RETENTION_SHORT', 'TRACKING_OFF']);
  for (const { fix } of failures) expect(fix.join()).toMatch(/^-- ask the provider of share THEIRS\./);
  await stands.sql(`ALTER TABLE ${table} SET CHANGE_TRACKING = TRUE`);
  source.every = 'rate(1 minute)';
  await stands.snowflake.control.assume('imported-time-travel', 'refused');
  expect((await look(setup)).failures.map(({ code }) => code)).toEqual(['SNOWFLAKE_STATEMENT']);
  await stands.snowflake.control.assume();
});

test('a bus that does not answer, or does not take events', async () => {
  const setup = await made();
  const { parts } = setup.deployment;
  const nowhere = { app: 'shop', aws: { endpoint: 'http://127.0.0.1:9', bus: 'snowmelt-shop' } };
  parts.events = () => reachBus(nowhere);
  const { failures } = await look(setup);
  expect(failures).toMatchObject([{ source: null, code: 'EVENTS_UNREACHABLE' }]);
  expect(failures[0]!.fix[0]).toContain('events:PutEvents');
  const server = await startServer();
  try {
    parts.events = () => reachBus({ ...nowhere, aws: { ...nowhere.aws, endpoint: server.url } });
    server.state.answer = (_, response) => server.refuse(response, 400, 'AccessDeniedException', 'no');
    expect((await look(setup)).failures).toMatchObject([{ code: 'EVENTS_UNREACHABLE' }]);
    server.state.answer = () => ({ FailedEntryCount: 0, Entries: [{ EventId: 'e' }] });
    expect(await look(setup)).toEqual(well);
    const entries = server.asked.at(-1)!.input['Entries'];
    // Nobody waits for it.
    expect(entries).toMatchObject([{ EventBusName: 'snowmelt-shop', DetailType: 'check' }]);
  } finally {
    await server.close();
  }
});

/** What a broker says where a right is missing, and the right that the fix gives. */
const RIGHTS = [
  {
    api: 'OffsetFetch',
    error: 30,
    right: `--group 'snowmelt:$APP:' --resource-pattern-type prefixed --operation Read`,
  },
  {
    api: 'InitProducerId',
    error: 53,
    right: `--transactional-id 'snowmelt:$APP:' --resource-pattern-type prefixed --operation Write`,
  },
  { api: 'ListOffsets', error: 29, right: `--topic '$TOPIC' --operation Describe` },
];

test.each(RIGHTS)('brokers that refuse $api: the command that gives the right', async ({ api, error, right }) => {
  const setup = await made();
  const { config, source } = setup;
  const fault = await stands.kafka.target.local!.fault({ match: { api }, at: 'request', action: { error }, times: 0 });
  const { failures } = await look(setup);
  await fault.release();
  expect(failures).toMatchObject([{ code: 'KAFKA_UNAUTHORIZED' }]);
  const given = right.replace('$APP', config.app).replace('$TOPIC', source.topic);
  const servers = config.kafka.brokers.join(',');
  expect(failures[0]!.fix).toEqual([
    `kafka-acls.sh --bootstrap-server ${servers} --add --allow-principal 'User:<of the functions>' ${given}`,
  ]);
  await stands.kafka.target.local!.clearFaults();
  expect(await look(setup)).toEqual(well);
});
