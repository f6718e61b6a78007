/** What `init` writes, and what it refuses to. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { check, resolveConfig } from 'prettier';
import { afterAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../cli/common.ts';
import { gather, type Ask } from '../../cli/init/answers.ts';
import { writeFiles } from '../../cli/init/files.ts';
import { drawUp, type Plan, type Wishes } from '../../cli/init/plan.ts';
import type { Answers } from '../../cli/init/questions.ts';
import { choose, fileText, parseWanted, sourceNames, type Chosen } from '../../cli/init/tables.ts';
import { tellPlan } from '../../cli/init/tell.ts';
import { kafkaAcls } from '../../infra/kafka-acls.ts';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import { findProblems, loadConfig } from '../../lambdas/config/load.ts';
import { tokenize } from '../../local/snowflake/engine/parse/lexer.ts';
import { snowmelt as run } from './snowmelt.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'snowmelt-init-'));
afterAll(() => rmSync(folder, { recursive: true }));

const FLAGS: Partial<Answers> = {
  account: 'myorg-myaccount',
  brokers: 'b-1.example.com:9096,b-2.example.com:9096',
  awsAccount: '123456789012',
  region: 'eu-central-1',
  from: 'SALES.PUBLIC.ORDERS(ORDER_ID), SALES.PUBLIC."Order lines"(ORDER_ID, "Line")',
};

async function answersOf(given: Partial<Answers>, ask: Ask | null = null): Promise<Answers> {
  const said = await gather({ ...FLAGS, ...given }, ask, () => undefined);
  if ('missing' in said) throw new Error([...said.missing, ...said.refused].join());
  return said.answers;
}

async function planOf(given: Partial<Answers> = {}, wishes: Partial<Wishes> = {}, chosen?: Chosen[]): Promise<Plan> {
  const answers = await answersOf(given);
  const tables = chosen ?? parseWanted(answers.from).tables;
  return drawUp(answers, tables, { out: folder, schema: false, ...wishes });
}

const textOf = ({ files }: Plan, kind: string) => files.find(({ path }) => path.endsWith(`.${kind}`))!.text;
/** Statements of a file, without comments. */
const statementsOf = (sql: string) => sql.split('\n').filter((line) => line !== '' && !line.startsWith('--'));

describe('what is written', () => {
  test('the configuration is valid, formatted, and has what was said', async () => {
    const text = textOf(await planOf({ subnets: 'subnet-0a, subnet-0b', securityGroups: 'sg-0a' }), 'yaml');
    expect(findProblems(text)).toEqual([]);
    const options = await resolveConfig(join(root, 'config/example.yaml'));
    expect(await check(text, { ...options, parser: 'yaml' })).toBe(true);
    const { app, snowflake, kafka, sources } = loadConfig(text, { path: 'x' });
    expect({ app, ...snowflake }).toMatchObject({
      app: 'prod',
      account: 'myorg-myaccount',
      user: 'SNOWMELT',
      role: 'SNOWMELT',
      warehouse: 'SNOWMELT_XS',
      auth: { method: 'workload-identity' },
    });
    expect(kafka.auth).toEqual({ method: 'scram-sha-512', secret: 'AmazonMSK_snowmelt_prod' });
    expect(
      sources.map(({ name, object, key, topic, topicPartitions }) => [name, object.name, key, topic, topicPartitions]),
    ).toEqual([
      ['orders', 'ORDERS', ['ORDER_ID'], 'prod.orders', 6],
      ['order-lines', 'Order lines', ['ORDER_ID', 'Line'], 'prod.order-lines', 6],
    ]);
  });

  test('the setup gives exactly the grants of the configuration, and makes only what they need', async () => {
    const plan = await planOf({ preset: 'query-history', staging: 'SALES.SNOWMELT' }, { credits: '40' });
    const statements = statementsOf(textOf(plan, 'snowflake.sql'));
    const grants = snowflakeGrants(plan.config);
    expect(grants.join('\n')).toContain('GRANT CREATE TABLE ON SCHEMA SALES.SNOWMELT');
    expect(statements.slice(-grants.length)).toEqual(grants);
    expect(statements.slice(0, -grants.length)).toEqual([
      'CREATE ROLE IF NOT EXISTS SNOWMELT;',
      'CREATE USER IF NOT EXISTS SNOWMELT TYPE = SERVICE DEFAULT_ROLE = SNOWMELT;',
      "ALTER USER SNOWMELT SET WORKLOAD_IDENTITY = (TYPE = AWS ARN = 'arn:aws:iam::123456789012:role/snowmelt-prod-snowflake');",
      'CREATE WAREHOUSE IF NOT EXISTS SNOWMELT_XS WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 AUTO_RESUME = TRUE INITIALLY_SUSPENDED = TRUE;',
      'CREATE RESOURCE MONITOR IF NOT EXISTS SNOWMELT_XS WITH CREDIT_QUOTA = 40 FREQUENCY = MONTHLY START_TIMESTAMP = IMMEDIATELY TRIGGERS ON 80 PERCENT DO NOTIFY ON 100 PERCENT DO SUSPEND;',
      'ALTER WAREHOUSE SNOWMELT_XS SET RESOURCE_MONITOR = SNOWMELT_XS;',
      'CREATE SCHEMA IF NOT EXISTS SALES.SNOWMELT;',
    ]);
  });

  test('tables alone get no schema for copies and no right to make any', async () => {
    const sql = textOf(await planOf(), 'snowflake.sql');
    expect(sql).not.toMatch(/SCHEMA IF NOT EXISTS|CREATE TABLE|IMPORTED PRIVILEGES|\bALL\b|OWNERSHIP/);
  });

  test('topics, rights in Kafka, and policies are those of the configuration', async () => {
    const plan = await planOf();
    const lines = statementsOf(textOf(plan, 'kafka.sh').replaceAll(/^#.*$/gm, ''));
    const tool = '--bootstrap-server b-1.example.com:9096,b-2.example.com:9096';
    expect(lines.filter((line) => line.startsWith('kafka-acls.sh'))).toEqual(
      kafkaAcls(plan.config, 'User:snowmelt').map((acl) => `kafka-acls.sh ${tool} ${acl}`),
    );
    const made = lines.filter((line) => line.startsWith('kafka-topics.sh'));
    expect(made.map((line) => /--topic (\S+) --partitions (\d+)/.exec(line)?.slice(1))).toEqual([
      ['prod.orders', '6'],
      ['prod.order-lines', '6'],
      ['prod.control', '1'],
    ]);
    const policies = JSON.parse(textOf(plan, 'iam.json')) as Record<string, { Statement: { Resource: string[] }[] }>;
    expect(Object.keys(policies)).toEqual(['plan', 'publish', 'operate', 'recount', 'Viewer', 'Operator']);
    const resources = Object.values(policies).flatMap(({ Statement }) => Statement.flatMap(({ Resource }) => Resource));
    expect(resources).toContain('arn:aws:dynamodb:eu-central-1:123456789012:table/snowmelt-prod');
    expect(resources.filter((arn) => arn === '*' || !arn.includes('prod'))).toEqual([]);
  });

  test('with IAM the cluster says where; its topics may be left to the stack', async () => {
    const cluster = 'arn:aws-cn:kafka:cn-north-1:210987654321:cluster/events/4c5d6e7f-8a9b-4c0d-9e1f-2a3b4c5d6e7f-3';
    const answers = await answersOf({ brokers: 'b-1.example.com:9098', cluster, region: '' });
    const plan = drawUp(answers, parseWanted(answers.from).tables, { out: folder, schema: false, makeTopics: true });
    expect(plan.config.kafka.auth).toEqual({ method: 'iam' });
    expect(textOf(plan, 'snowflake.sql')).toContain('arn:aws-cn:iam::123456789012:role/snowmelt-prod-snowflake');
    expect(textOf(plan, 'iam.json')).toContain('arn:aws-cn:kafka:cn-north-1:210987654321:topic/events/');
    expect(textOf(plan, 'kafka.sh')).not.toMatch(/^kafka-/m);
    expect(tellPlan(plan).text).not.toContain('kafka.sh:');
  });

  test('a month costs something, and the monitor leaves twice that', async () => {
    const { json } = tellPlan(await planOf()) as { json: { month: { dollars: number; credits: number } } };
    expect(json.month.dollars).toBeGreaterThan(10);
    const quota = Number(/CREDIT_QUOTA = (\d+)/.exec(textOf(await planOf(), 'snowflake.sql'))![1]);
    expect(quota).toBe(Math.ceil(2 * json.month.credits));
  });
});

test('nothing is written over what is there, and then nothing at all, unless that is wanted', async () => {
  const { files } = await planOf({ env: 'twice' });
  writeFiles(files.slice(1, 2), false);
  const there = files[1]!.path;
  writeFileSync(there, 'mine');
  expect(() => writeFiles(files, false)).toThrow(`${there} would be overwritten`);
  expect(files.map(({ path }) => existsSync(path))).toEqual([false, true, false, false, false]);
  expect(readFileSync(there, 'utf8')).toBe('mine');
  writeFiles(files, true);
  expect(readFileSync(there, 'utf8')).toBe(files[1]!.text);
  const inTheWay = [{ path: join(there, 'x.yaml'), text: '' }];
  expect(() => writeFiles(inTheWay, true)).toThrow("can't be written");
});

describe('a key pair', () => {
  const keyPair = { auth: 'key-pair' };

  test('is not made unless that is asked for: the commands are told, and which secret takes it', async () => {
    const plan = await planOf(keyPair);
    expect(plan.files.some(({ secret }) => secret)).toBe(false);
    expect(plan.keyFile).toBe(null);
    expect(textOf(plan, 'snowflake.sql')).not.toMatch(/^ALTER USER/m);
    expect(tellPlan(plan).text).toMatch(/openssl genrsa.*\n.*\n.*create-secret --name snowmelt\/prod\/snowflake/);
  });

  test('that is made has its private half in one file, for nobody else, and nowhere else', async () => {
    const plan = await planOf(keyPair, { generateKey: true });
    writeFiles(plan.files, false);
    const path = plan.keyFile!;
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { privateKey } = JSON.parse(readFileSync(path, 'utf8')) as { privateKey: string };
    const secretLines = privateKey.split('\n').filter((line) => line.length > 20 && !line.startsWith('-'));
    const { text, json } = tellPlan(plan);
    const elsewhere = [
      text,
      JSON.stringify(json),
      ...plan.files.filter((file) => file.path !== path).map((file) => file.text),
    ];
    for (const line of secretLines) expect(elsewhere.join('\n')).not.toContain(line);
    const [, der] = /RSA_PUBLIC_KEY = '([^']+)'/.exec(textOf(plan, 'snowflake.sql'))!;
    const told = createPublicKey({ key: Buffer.from(der!, 'base64'), type: 'spki', format: 'der' });
    expect(told.equals(createPublicKey(privateKey))).toBe(true);
    chmodSync(path, 0o644);
    writeFiles(plan.files, true);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    for (const file of plan.files) rmSync(file.path);
  });

  test('may be given by its public half, which must be one', async () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const file = join(folder, 'snowflake.pub');
    writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
    const sql = textOf(await planOf(keyPair, { publicKey: file }), 'snowflake.sql');
    expect(sql).toContain(`'${publicKey.export({ type: 'spki', format: 'der' }).toString('base64')}'`);
    for (const text of ['', "-----BEGIN PUBLIC KEY-----\n'; DROP\n-----END PUBLIC KEY-----\n"]) {
      writeFileSync(file, text);
      await expect(planOf(keyPair, { publicKey: file })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
    await expect(planOf({}, { generateKey: true })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

test('whatever names hold stays a name, in SQL, YAML and for the shell', async () => {
  const hostile = `X"; DROP TABLE T; --\n'`;
  const quoted = `"${hostile.replaceAll('"', '""')}"`;
  const table = { database: hostile, schema: hostile, name: hostile, key: [hostile] };
  const plan = await planOf({ user: hostile, role: hostile, warehouse: hostile, staging: `DB.${quoted}` }, {}, [
    table,
    { ...table, name: 'KEYLESS\n- x', key: [] },
  ]);
  const { snowflake, sources } = plan.config;
  expect(snowflake).toMatchObject({ user: hostile, role: hostile, warehouse: hostile });
  expect(sources).toMatchObject([{ object: { database: hostile, schema: hostile, name: hostile }, key: [hostile] }]);
  const tokens = tokenize(textOf(plan, 'snowflake.sql'), false);
  const words = tokens.filter(({ kind }) => kind === 'word').map(({ text }) => text);
  expect(words).not.toContain('DROP');
  expect(new Set(tokens.filter(({ kind }) => kind === 'quoted').map(({ text }) => text))).toEqual(new Set([hostile]));
  const plain = await planOf({}, {}, [{ database: 'D', schema: 'S', name: 'X', key: ['X'] }]);
  const count = (of: Plan) => tokenize(textOf(of, 'snowflake.sql'), false).filter(({ text }) => text === ';').length;
  // One more schema is made, and three rights in it are given.
  expect(count(plan)).toBe(count(plain) + 4);
  expect(textOf(plan, 'kafka.sh')).not.toContain('DROP');
});

describe('tables', () => {
  test('are named as in SQL, with their keys', () => {
    expect(parseWanted('a.b.c(id, "Id"), "x.y"."b""c".T ,A.B.*')).toEqual({
      tables: [
        { database: 'A', schema: 'B', name: 'C', key: ['ID', 'Id'] },
        { database: 'x.y', schema: 'b"c', name: 'T', key: [] },
      ],
      schemas: [{ database: 'A', schema: 'B' }],
    });
    const listed = fileText('# all\nA.B.C(ID),\n\n  A.B.D (ID, AT)\r\n');
    expect(parseWanted(listed).tables.map(({ name, key }) => [name, key])).toEqual([
      ['C', ['ID']],
      ['D', ['ID', 'AT']],
    ]);
    for (const wrong of ['A.B', 'A.B.C.D', 'A.B.*(ID)', 'A.B.C(ID', 'A.B.C(ID) X', "A.B.C';--", 'A.*.C', '*'])
      expect(() => parseWanted(wrong), wrong).toThrow('is no table');
  });

  test('of a whole schema come with their primary keys; a key that was written counts', () => {
    const wanted = parseWanted('A.B.*, A.B.C(OTHER), A.X.Z');
    const [whole, other] = [wanted.schemas[0]!, { database: 'A', schema: 'X' }];
    const listed = new Map([
      [
        whole,
        [
          { name: 'C', key: ['ID'] },
          { name: 'D', key: ['ID'] },
          { name: 'E', key: [] },
        ],
      ],
      [
        other,
        [
          { name: 'Y', key: ['ID'] },
          { name: 'Z', key: ['N'] },
        ],
      ],
    ]);
    expect(choose(wanted, listed).map(({ name, key }) => [name, key.join()])).toEqual([
      ['C', 'OTHER'],
      ['D', 'ID'],
      ['E', ''],
      ['Z', 'N'],
    ]);
  });

  test('without a key are left out, and told of', async () => {
    const keyless = { database: 'A', schema: 'B', name: 'E', key: [] };
    const plan = await planOf({}, {}, [keyless, { ...keyless, name: 'F', key: ['ID'] }]);
    expect(plan.config.sources.map(({ object }) => object.name)).toEqual(['F']);
    expect(tellPlan(plan)).toMatchObject({ found: true, text: expect.stringContaining('A.B.E') as string });
    expect(textOf(plan, 'snowflake.sql')).not.toContain('A.B.E');
    await expect(planOf({}, {}, [keyless])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test('get names that a source may have, each but once', () => {
    const named = ['Orders', 'ORDERS', 'ORDERS', '2024', 'Größe', '表', 'CONTROL', 'x'.repeat(90)];
    const names = sourceNames(
      named.map((name, i) => ({ database: 'D', schema: i === 1 ? 'S' : 'T', name })),
      ['control'],
    );
    expect(names).toEqual(['orders', 's-orders', 't-orders', 't-2024', 'gr-e', 't', 't-control', 'x'.repeat(60)]);
  });
});

describe('asking', () => {
  test('goes on until the answer is one; what is usual is an empty line', async () => {
    const replies: Record<string, string[]> = {
      'Snowflake account': ['', 'https://x.snowflakecomputing.com', 'myorg-myaccount'],
      'tables:': ['A.B', 'A.B.C(ID)'],
      brokers: ['b-1', 'b-1:9092'],
      'how it signs in': ['password', 'key-pair'],
      'number of the AWS account': ['12', ''],
    };
    const told: string[] = [];
    const ask: Ask = (question, usual) => {
      const known = Object.entries(replies).find(([begin]) => question.startsWith(begin));
      if (known === undefined && usual === undefined) throw new Error(question);
      return Promise.resolve(known?.[1].shift() ?? '');
    };
    const said = await gather({ app: 'shop' }, ask, (line) => told.push(line));
    expect(said).toMatchObject({
      answers: {
        env: 'prod',
        app: 'shop',
        account: 'myorg-myaccount',
        from: 'A.B.C(ID)',
        kafkaAuth: 'none',
        role: 'SNOWMELT',
      },
    });
    expect(Object.values(replies).flat()).toEqual([]);
    expect(told).toHaveLength(6);
  });

  test('nobody: all that is missing or wrong is told at once', async () => {
    const said = await gather({ env: '../x', brokers: 'b:9098', region: 'here' }, null, () => undefined);
    expect(said).toEqual({
      missing: ['--account', '--from', '--cluster', '--aws-account'],
      refused: [expect.stringContaining('--env'), expect.stringContaining('--region')],
    });
  });

  test('what the configuration refuses is told by its flag', async () => {
    await expect(
      planOf({ account: 'x y', every: 'often', subnets: 'here', securityGroups: 'sg-0a' }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/--account: .*\n(.*\n)*.*--subnets: .*\n(.*\n)*.*--every: /) as string,
    });
    await expect(planOf({ secret: 's' })).rejects.toThrow('--secret: is not used with workload-identity');
  });
});

/** Without a terminal, an account or a network. */
const snowmelt = (...args: string[]) =>
  run(args, { cwd: folder, env: { PATH: process.env['PATH'], HOME: folder, AWS_EC2_METADATA_DISABLED: 'true' } });

test('by flags alone: `check --offline` finds no problem', { timeout: 60_000 }, async () => {
  const flags = ['--account', 'myorg-myaccount', '--brokers', 'b:9092', '--aws-account', '123456789012'];
  const written = await snowmelt('init', '--out', 'shop', ...flags, '--from', 'A.B.C(ID)', 'A.B.D(ID)', '--json');
  expect(written).toMatchObject({ code: EXIT.fine, stderr: '' });
  const { files } = JSON.parse(written.stdout) as { files: string[] };
  const kinds = ['yaml', 'snowflake.sql', 'kafka.sh', 'iam.json', 'cost.txt'];
  expect(files).toEqual(kinds.map((kind) => `shop/prod.${kind}`));
  const offline = await snowmelt('check', '--offline', '--config', files[0]!);
  expect(offline).toMatchObject({ code: EXIT.fine, stdout: expect.stringContaining('no problem') as string });
});
