import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findProblems, loadConfig, loadForStack, readConfigFile } from '../../lambdas/config/load.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';

const configs = join(import.meta.dirname, '../../config');

const MINIMAL = `
app: shop
snowflake:
  account: myorg-myaccount
  user: SNOWMELT
  warehouse: XS
  auth: { method: key-pair, secret: snowmelt/snowflake }
kafka:
  brokers: [b-1.example.com:9096]
sources:
  orders:
    table: sales.public."Order lines"
    key: [order_id, '"lineNo"']
    topic: { name: orders, partitions: 12 }
`;

/** The file with one piece of its text replaced. */
function edited(from: string, to: string): string {
  expect(MINIMAL).toContain(from);
  return MINIMAL.replace(from, to);
}

/** `line path: message` of everything wrong. */
function wrong(text: string): string[] {
  return findProblems(text).map(({ path, message, line }) => `${line} ${path.join('.')}: ${message}`);
}

test('defaults make a minimal file whole', () => {
  expect(loadConfig(MINIMAL, { path: 'config/shop.yaml', deployment: 7 })).toEqual({
    app: 'shop',
    deployment: 7,
    table: { name: 'snowmelt-shop', endpoint: null, region: null },
    snowflake: {
      account: 'myorg-myaccount',
      accessUrl: null,
      user: 'SNOWMELT',
      role: null,
      warehouse: 'XS',
      reader: 'chunks',
      auth: { method: 'key-pair', secret: 'snowmelt/snowflake' },
    },
    kafka: {
      brokers: ['b-1.example.com:9096'],
      ca: null,
      tls: true,
      auth: { method: 'none' },
      controlTopic: 'shop.control',
      offsetsRetentionMs: 7 * 86_400_000,
      transactionTimeoutMs: 60_000,
      requestTimeoutMs: 30_000,
      compression: 'none',
      maxBatchBytes: 900_000,
      topicChecks: 'strict',
    },
    clocks: { safetyLagMs: 30_000, marginMs: 5_000, leaseMs: 60_000, recountAfterMs: 900_000 },
    limits: { maxWindowMs: 900_000, maxOpenWindows: 64, maxSnapshots: 4, maxTransactionRows: 50_000 },
    registry: null,
    aws: { endpoint: null, bus: 'snowmelt-shop' },
    sources: [
      {
        name: 'orders',
        object: { database: 'SALES', schema: 'PUBLIC', name: 'Order lines' },
        information: 'DEFAULT',
        key: ['ORDER_ID', 'lineNo'],
        topic: 'orders',
        topicPartitions: 12,
        partitions: 1,
        delivery: 'exactly-once',
        every: 'rate(1 minute)',
        freshnessMs: 900_000,
        memory: null,
        paused: false,
        format: { type: 'json', key: 'json', envelope: 'debezium', tombstones: true },
      },
    ],
  });
});

test('a source goes before `defaults`, `defaults` before what is built in, also inside `format`', () => {
  const text = `${MINIMAL}    every: 5m
    format: { tombstones: false }
defaults:
  every: 1h
  partitions: 8
  changes: append-only
  format: { envelope: flat, tombstones: true }
`;
  expect(loadConfig(text, { path: 'x' }).sources[0]).toMatchObject({
    every: 'rate(5 minutes)',
    partitions: 8,
    information: 'APPEND_ONLY',
    format: { type: 'json', key: 'json', envelope: 'flat', tombstones: false },
  });
});

test('what bounds a source, and polling within the minute where it is due each minute', () => {
  const text = `${MINIMAL}    timeout: 5m
    publishers: 2
    maxRate: { rows: 5000 }
  lines:
    table: A.B.C
    key: [ID]
    every: 5m
    topic: { name: lines, partitions: 1 }
defaults: { pollEvery: 10s, maxRate: { bytes: 1000000 } }
budget: { creditsPerDay: 12.5, size: LARGE, autoSuspend: 5m }
`;
  const { sources, budget } = loadConfig(text, { path: 'x' });
  expect(budget).toEqual({ creditsPerDay: 12.5, creditsPerHour: 8, idleMs: 300_000 });
  expect(sources[0]).toMatchObject({
    pollMs: 10_000,
    timeoutMs: 300_000,
    publishers: 2,
    maxRate: { unit: 'rows', perSecond: 5_000 },
  });
  expect(sources[1]).toMatchObject({ maxRate: { unit: 'bytes', perSecond: 1_000_000 } });
  expect(sources[1]!.pollMs).toBeUndefined();
});

test.each([
  ['    every: 5m\n    pollEvery: 10s', 'pollEvery: needs `every: 1m`'],
  ['    pollEvery: 500ms', 'pollEvery: 500ms is out of bounds; allowed are 1s to 30s'],
  ['    pollEvery: 1m', 'pollEvery: 1m is out of bounds; allowed are 1s to 30s'],
  ['    maxRate: 5', 'maxRate: must be { rows: <a second> } or { bytes: <a second> }'],
  ['    maxRate: { rows: 1, bytes: 1 }', 'maxRate: must be { rows: <a second> } or { bytes: <a second> }'],
  ['    publishers: 0', 'publishers: '],
  ['    timeout: 20s', 'timeout: 20s is out of bounds; allowed are 1m to 15m'],
])('%s is refused', (setting, problem) => {
  expect(wrong(`${MINIMAL}${setting}\n`).join()).toContain(`sources.orders.${problem}`);
});

test.each(['creditsPerDay: 0', 'creditsPerDay: 1, size: XS', 'size: XSMALL'])('budget { %s } is refused', (budget) => {
  expect(wrong(`${MINIMAL}budget: { ${budget} }\n`).join()).toContain('budget');
});

test('the VPC is for the stack alone', () => {
  const text = `${MINIMAL}\naws: { vpc: { subnets: [subnet-1a], securityGroups: [sg-1a] } }`;
  const { config, infrastructure } = loadForStack(text, { path: 'x' });
  expect(infrastructure).toEqual({
    vpc: { subnets: ['subnet-1a'], securityGroups: ['sg-1a'] },
    alarms: {},
    snowflakeThroughVpc: false,
  });
  expect(JSON.stringify(config)).not.toContain('subnet-1a');
});

test.each(['example', 'local'])('config/%s.yaml is valid', (name) => {
  expect(wrong(readFileSync(join(configs, `${name}.yaml`), 'utf8'))).toEqual([]);
});

test('all problems are reported at once, in the order of the file, each with path, line and what to write', () => {
  const text = `app: Shop
snowflake:
  account: myorg-myaccount.snowflakecomputing.com
  user: 5
  auth: { method: keypair, secret: "-----BEGIN PRIVATE KEY-----" }
kafka:
  brokers: [localhost]
  offsetRetention: 7d
clocks: { safetyLag: 5s, margin: 5s }
sources:
  Orders:
    table: PUBLIC.ORDERS
    key: []
    topic: { name: orders, partitions: 0 }
    evry: 1m
  lines:
    table: A.B.C
    key: [id, ID]
    topic: { name: orders, partitions: 1.5 }
sorces: {}
`;
  const run = () => loadConfig(text, { path: 'config/shop.yaml' });
  expect(run).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(run).toThrow(/^config\/shop\.yaml: 18 problems\n {2}line 1, app: must be a lower-case letter/);
  expect(wrong(text)).toEqual([
    '1 app: must be a lower-case letter, then letters, digits or `-`, 40 characters at most (is `Shop`)',
    '2 snowflake.warehouse: is required',
    expect.stringMatching(/^3 snowflake.account: must be the account identifier alone/) as string,
    '4 snowflake.user: must be text (is `5`)',
    '5 snowflake.auth.method: must be key-pair or token or workload-identity; did you mean `key-pair`?',
    '5 snowflake.auth.secret: must be the name or ARN of a secret in Secrets Manager, not the secret itself',
    '7 kafka.brokers.0: must be host:port, such as `b-1.example.com:9096` (is `localhost`)',
    '8 kafka.offsetRetention: unknown key; did you mean `offsetsRetention`?',
    '9 clocks.margin: must be less than safetyLag (5s)',
    expect.stringMatching(/^11 sources.Orders: must be a lower-case letter/) as string,
    expect.stringMatching(/^12 sources.Orders.table: must be DATABASE.SCHEMA.TABLE/) as string,
    '13 sources.Orders.key: must not be empty',
    '14 sources.Orders.topic.partitions: must be at least 1 (is `0`)',
    '15 sources.Orders.evry: unknown key; did you mean `every`?',
    '18 sources.lines.key.1: `ID` is listed twice',
    '19 sources.lines.topic.partitions: must be a whole number (is `1.5`)',
    '19 sources.lines.topic.name: `orders` is already the topic of source Orders',
    '20 sorces: unknown key; did you mean `sources`?',
  ]);
});

describe('values', () => {
  test.each([
    ['app: shop', 'app: 1shop', 'app: must be a lower-case letter'],
    ['[b-1.example.com:9096]', '[]', 'kafka.brokers: must not be empty'],
    ['[b-1.example.com:9096]', '[b-1.example.com:70000]', 'kafka.brokers.0: must be host:port'],
    ['[b-1.example.com:9096]', '["kafka://b-1:9096"]', 'kafka.brokers.0: must be host:port'],
    ['[b-1.example.com:9096]', '[b:1, b:1]', 'kafka.brokers.1: `b:1` is listed twice'],
    ['name: orders', 'name: "a b"', 'sources.orders.topic.name: must be 1 to 249'],
    ['name: orders', 'name: ..', 'sources.orders.topic.name: must be 1 to 249'],
    ['name: orders', 'name: shop.control', 'sources.orders.topic.name: `shop.control` is the control topic'],
    ['sales.public."Order lines"', 'sales.public.order lines', 'sources.orders.table: must be DATABASE.SCHEMA.TABLE'],
    ['sales.public."Order lines"', '1sales.public.orders', 'sources.orders.table: must be DATABASE.SCHEMA.TABLE'],
    ['[order_id, \'"lineNo"\']', '[a.b]', 'sources.orders.key.0: must be one column name'],
    ['[order_id, \'"lineNo"\']', '', 'sources.orders.key: is required'],
    ['partitions: 12 }', 'partitions: 12 }\n    partitions: 1001', 'sources.orders.partitions: must be at most 1000'],
    ['partitions: 12 }', 'partitions: 12 }\n    partitions: 0', 'sources.orders.partitions: must be at least 1'],
    ['partitions: 12 }', 'partitions: 12 }\n    every: 30s', 'sources.orders.every: `30s` is impossible'],
    [
      'partitions: 12 }',
      'partitions: 12 }\n    format: { type: avr }',
      'sources.orders.format.type: must be json or json-with-schema or avro or protobuf; did you mean `avro`?',
    ],
    [
      'partitions: 12 }',
      'partitions: 12 }\n    every: rate(30 seconds)',
      'sources.orders.every: `rate(30 seconds)` is',
    ],
    [
      '9096]',
      '9096]\n  transactionTimeout: 20m',
      'kafka.transactionTimeout: 20m is out of bounds; allowed are 4s to 15m',
    ],
    ['9096]', '9096]\n  transactionTimeout: 1.5m', 'kafka.transactionTimeout: not a duration'],
    ['9096]', '9096]\n  requestTimeout: 1m', 'kafka.requestTimeout: must be less than transactionTimeout (1m)'],
    ['9096]', '9096]\n  auth: { method: scram-sha-512 }', 'kafka.auth.secret: is required for this method'],
    ['9096]', '9096]\n  auth: { method: none, secret: x }', 'kafka.auth.secret: is not used without sign-in'],
    ['XS', 'XS\n  accessUrl: https://x.example.com/', 'snowflake.accessUrl: must be https://host'],
    ['XS', 'XS\n  accessUrl: http://x.example.com', 'snowflake.accessUrl: must be https://host'],
    ['app: shop', 'app: shop\nlimits: { maxWindow: 10s }', 'limits.maxWindow: 10s is out of bounds'],
  ])('%s -> %s', (from, to, message) => {
    expect(wrong(edited(from, to))).toEqual([expect.stringContaining(` ${message}`)]);
  });

  test('a secret that was pasted is not repeated', () => {
    const text = edited('secret: snowmelt/snowflake', 'secret: "hunter2 and more"');
    expect(() => loadConfig(text, { path: 'x' })).toThrow(SnowmeltError);
    expect(wrong(text).join()).not.toContain('hunter2');
  });
});

describe('files', () => {
  test('broken YAML and doubled keys say where', () => {
    expect(wrong('app: shop\napp: shop')).toEqual([expect.stringMatching(/^2 .*unique/)]);
    expect(wrong('app: [')).toHaveLength(1);
  });

  test('an empty file and one that is no map', () => {
    expect(wrong('')).toEqual([expect.stringContaining('must be settings in YAML')]);
    expect(wrong('- app')).toEqual([expect.stringContaining('must be settings in YAML')]);
  });

  test('a key without a value is as good as absent', () => {
    expect(wrong(`${MINIMAL}\ndefaults:\nclocks:\n  lease:\n`)).toEqual([]);
    expect(wrong(edited('myorg-myaccount', ''))).toEqual(['4 snowflake.account: is required']);
  });

  test('a file that is not there', () => {
    expect(() => readConfigFile(join(configs, 'none.yaml'))).toThrow(/none\.yaml: can't be read \(ENOENT\)/);
  });

  test('a stack has room for only so many schedules', () => {
    const source = (n: number) =>
      `  s${n}: { table: A.B.C, key: [ID], topic: { name: t${n}, partitions: 1 }, every: ${n}m }\n`;
    const sources = (count: number) => Array.from({ length: count }, (_, n) => source(n + 1)).join('');
    const head = MINIMAL.slice(0, MINIMAL.indexOf('  orders:'));
    expect(wrong(head + sources(400))).toEqual([]);
    expect(wrong(head + sources(401))).toEqual([expect.stringContaining('have 401 different `every`; at most 400')]);
  });
});

describe('the registry', () => {
  const formats = '\ndefaults: { format: { type: avro, key: json } }\n';

  test('of Confluent', () => {
    const text = `${MINIMAL}${formats}registry: { type: confluent, url: "http://registry.internal:8081/apis/ccompat/v7" }`;
    const { registry, sources } = loadConfig(text, { path: 'x' });
    const settings = { subjects: 'topic', register: true, auth: { method: 'none' } };
    expect(registry).toEqual({ type: 'confluent', url: 'http://registry.internal:8081/apis/ccompat/v7', ...settings });
    expect(sources[0]!.format).toMatchObject({ type: 'avro', key: 'json' });
  });

  test('of Glue', () => {
    const text = `${MINIMAL}${formats}registry: { type: glue, subjects: topic-record, register: false }`;
    expect(loadConfig(text, { path: 'x' }).registry).toEqual({
      type: 'glue',
      name: 'default-registry',
      region: null,
      endpoint: null,
      subjects: 'topic-record',
      register: false,
    });
  });

  test.each([
    ['', 'defaults.format.type: avro needs a `registry`'],
    ['registry: { type: confluent }', 'registry.url: is required for a confluent registry'],
    [
      'registry: { type: confluent, url: "https://r", region: eu-west-1 }',
      'registry.region: belongs to a glue registry',
    ],
    ['registry: { type: glue, url: "https://r" }', 'registry.url: belongs to a confluent registry'],
    ['registry: { type: confluent, url: "https://r/" }', 'registry.url: must be http(s)://host'],
    [
      'registry: { type: confluent, url: "https://r", auth: { method: basic } }',
      'registry.auth.secret: is required for this method',
    ],
    [
      'registry: { type: confluent, url: "http://r", auth: { method: basic, secret: s } }',
      'registry.url: must be https, or the password is sent in the open',
    ],
    [
      'registry: { type: confluent, url: "https://r", auth: { method: none, secret: s } }',
      'registry.auth.secret: is not used without sign-in',
    ],
  ])('%j', (registry, problem) => {
    const problems = findProblems(`${MINIMAL}${formats}${registry}`);
    expect(problems.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n')).toContain(problem);
  });
});
