import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { kafkaAcls } from '../../infra/kafka-acls.ts';
import { kafkaRights } from '../../infra/kafka-rights.ts';
import { WILDCARDS } from '../../infra/permissions.ts';
import { root, synthesize, type Template } from '../../infra/synthesize.ts';
import { METRICS } from '../../lambdas/aws/metrics.ts';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import { findProblems, loadConfig, loadForStack } from '../../lambdas/config/load.ts';
import { everything, examples, emptyBundles } from './configs.ts';

const dist = mkdtempSync(join(tmpdir(), 'snowmelt-templates-'));
emptyBundles(dist);
afterAll(() => rmSync(dist, { recursive: true }));
// A finding of cdk-nag or of CDK's own rules fails the synthesis.
const templateOf = (text: string) => synthesize(loadForStack(text, { path: 'x.yaml', deployment: 1 }), dist);
const all = templateOf(everything);

const of = (template: Template, type: string) =>
  Object.entries(template.Resources).flatMap(([id, { Type, Properties }]) =>
    Type === type ? [{ id, Properties }] : [],
  );

describe('the template', () => {
  test('of config/example.yaml, as it was', async () => {
    const { text } = examples().find(({ name }) => name === 'example.yaml')!;
    const normal = JSON.stringify(templateOf(text), null, 1).replace(/[0-9a-f]{64}/g, '<hash>');
    await expect(`${normal}\n`).toMatchFileSnapshot('snapshots/example.yaml.json');
  });

  test.each(examples().filter(({ name }) => name !== 'example.yaml'))('of $name is made', ({ text }) => {
    expect(Object.keys(templateOf(text).Resources).length).toBeGreaterThan(40);
  });

  test('keeps what holds data under the ids that it has, whatever else changes', () => {
    const kept = Object.entries(all.Resources as Record<string, { Type: string; DeletionPolicy?: string }>)
      .filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain')
      .map(([id, { Type }]) => `${Type.replace('AWS::', '')} ${id}`)
      .sort();
    expect(kept).toMatchInlineSnapshot(`
      [
        "DynamoDB::Table Checkpoints620E2F20",
        "Logs::LogGroup OperateLogs9416F2F1",
        "Logs::LogGroup PlanLogs46AFE57B",
        "Logs::LogGroup Publish3538Logs12B163C8",
        "Logs::LogGroup PublishLogs513028D8",
        "Logs::LogGroup RecountLogs20CC189D",
        "MSK::Topic ControlTopic",
        "MSK::Topic Topic1c168adb00d2",
        "MSK::Topic Topic21eb2153dd14",
        "SQS::Queue OperateFailuresF360A16E",
        "SQS::Queue PlanFailures9666785B",
        "SQS::Queue Publish3538Failures9D6A03D3",
        "SQS::Queue PublishFailures78148447",
        "SQS::Queue RecountFailures9C758F6B",
      ]
    `);
  });

  test('encrypts with the key that it is given', () => {
    const key = 'arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9';
    for (const { Properties } of of(all, 'AWS::Logs::LogGroup')) expect(Properties['KmsKeyId']).toBe(key);
    for (const { Properties } of of(all, 'AWS::SQS::Queue')) expect(Properties['KmsMasterKeyId']).toBe(key);
    expect(of(all, 'AWS::DynamoDB::Table')[0]!.Properties['SSESpecification']).toMatchObject({ KMSMasterKeyId: key });
  });

  test('makes the topics, the control topic with a partition for each of the largest source', () => {
    const topics = of(all, 'AWS::MSK::Topic').map(({ Properties }) => [
      Properties['TopicName'],
      Properties['PartitionCount'],
    ]);
    expect(topics).toEqual([
      ['all.orders', 12],
      ['all.customers', 3],
      ['all.control', 4],
    ]);
  });

  test('has a function for each size of publish, each with its own rule', () => {
    const sizes = of(all, 'AWS::Lambda::Function').map(({ Properties }) => [
      Properties['FunctionName'],
      Properties['MemorySize'],
      Properties['ReservedConcurrentExecutions'],
    ]);
    expect(sizes).toContainEqual(['snowmelt-all-publish-3538', 3538, 50]);
    const types = of(all, 'AWS::Events::Rule').map(
      ({ Properties }) => (Properties['EventPattern'] as Record<string, unknown>)['detail-type'],
    );
    expect(types).toEqual([['publish'], ['publish-3538'], ['notification']]);
  });

  test('hands what people are told to their topic, by a role that may publish there and nothing else', () => {
    const [rule] = of(all, 'AWS::Events::Rule').filter(({ id }) => id.startsWith('Notifications'));
    const { EventPattern, Targets } = rule!.Properties as {
      EventPattern: unknown;
      Targets: { Arn: string; RoleArn: { 'Fn::GetAtt': [string, string] } }[];
    };
    expect(EventPattern).toEqual({ source: ['snowmelt.all'], 'detail-type': ['notification'] });
    const arn = 'arn:aws:sns:eu-central-1:123456789012:people';
    expect(Targets).toMatchObject([{ Arn: arn, InputPath: '$.detail', DeadLetterConfig: {} }]);
    const role = Targets[0]!.RoleArn['Fn::GetAtt'][0];
    const policies = of(all, 'AWS::IAM::Policy').filter(({ Properties }) =>
      JSON.stringify(Properties['Roles']).includes(role),
    );
    const actions = policies.flatMap(({ Properties }) =>
      (Properties['PolicyDocument'] as { Statement: Statement[] }).Statement.flatMap(({ Action, Resource }) =>
        [Action].flat().map((action) => `${action} ${textOf(Resource)}`),
      ),
    );
    expect(actions.filter((action) => !action.startsWith('kms:'))).toEqual([`sns:Publish ${arn}`]);
    // Nobody has it where nobody listens.
    const silent = templateOf(everything.replace(/ {2}notifications:.*\n/, ''));
    expect(JSON.stringify(silent)).not.toContain('sns:Publish');
    expect(of(silent, 'AWS::Events::Rule')).toHaveLength(2);
  });

  test('asks for endpoints where there is no NAT', () => {
    const endpoints = of(all, 'AWS::EC2::VPCEndpoint').map(({ Properties }) => Properties['VpcEndpointType']);
    expect(endpoints).toEqual(['Gateway', 'Gateway', 'Interface', 'Interface', 'Interface']);
  });
});

type Statement = { Action: string | string[]; Resource: unknown };

/** Each action on each resource with a `*` in either. */
function wildcardsOf({ Resources }: Template): { action: string; resource: string }[] {
  const documents = Object.values(Resources).flatMap(({ Type, Properties }) => {
    if (!Type.startsWith('AWS::IAM')) return [];
    const policies = (Type === 'AWS::IAM::Role' ? (Properties['Policies'] ?? []) : [Properties]) as {
      PolicyDocument: unknown;
    }[];
    return policies.map(({ PolicyDocument }) => PolicyDocument as { Statement: Statement[] });
  });
  const pairs = documents.flatMap(({ Statement }) =>
    Statement.flatMap(({ Action, Resource }) =>
      [Action]
        .flat()
        .flatMap((action) => [Resource].flat().map((resource) => ({ action, resource: textOf(resource) }))),
    ),
  );
  return pairs.filter(({ action, resource }) => action.includes('*') || resource.includes('*'));
}

function textOf(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const { 'Fn::Join': joined } = resource as { 'Fn::Join'?: [string, unknown[]] };
  return (joined?.[1] ?? []).map((part) => (typeof part === 'string' ? part : 'X')).join('');
}

/** `<...>` stands for a name, a `*` of actions for any letters. */
function isCovered(
  { actions, resource: pattern }: (typeof WILDCARDS)[number],
  action: string,
  resource: string,
): boolean {
  const escaped = (text: string) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const names = actions.split(', ').map((each) => new RegExp(`^${escaped(each).replaceAll('*', '[A-Za-z]*')}$`));
  const place = new RegExp(
    `(^|:)${escaped(pattern)
      .replaceAll('*', '\\*')
      .replace(/<[^>]+>/g, '[^*]+')}$`,
  );
  return names.some((name) => name.test(action)) && place.test(resource);
}

describe('rights', () => {
  test('every `*` is on the list, with its reason, and the list has no other', () => {
    const many = Array.from({ length: 30 }, (_, i) => {
      const topic = `topic: { name: all.t${i}, partitions: 1 }`;
      return `  t${i}: { table: A.B.T${i}, key: [ID], ${topic} }`;
    });
    const registry = 'registry: { type: glue, name: own }';
    const wild = [all, templateOf(`${everything}\n${many.join('\n')}\n${registry}\n${pattern}`)].flatMap(wildcardsOf);
    const used = new Set<string>();
    for (const { action, resource } of wild) {
      const entry = WILDCARDS.find((each) => isCovered(each, action, resource));
      expect(entry, `${action} on ${resource}`).toBeDefined();
      used.add(entry!.resource);
    }
    expect([...used].sort()).toEqual(WILDCARDS.map(({ resource }) => resource).sort());
    for (const { why } of WILDCARDS) expect(why.length).toBeGreaterThan(10);
  });

  test('of Kafka and Snowflake, as text', () => {
    const config = loadConfig(everything, { path: 'x' });
    expect(kafkaAcls(config, 'User:snowmelt')).toMatchInlineSnapshot(`
      [
        "--add --allow-principal 'User:snowmelt' --cluster --operation DescribeConfigs",
        "--add --allow-principal 'User:snowmelt' --topic 'all.control' --operation Read",
        "--add --allow-principal 'User:snowmelt' --topic 'all.customers' --operation DescribeConfigs --operation Read --operation Write",
        "--add --allow-principal 'User:snowmelt' --topic 'all.orders' --operation DescribeConfigs --operation Read --operation Write",
        "--add --allow-principal 'User:snowmelt' --group 'snowmelt:all:' --resource-pattern-type prefixed --operation Read",
        "--add --allow-principal 'User:snowmelt' --transactional-id 'snowmelt:all:' --resource-pattern-type prefixed --operation Write",
      ]
    `);
    expect(snowflakeGrants(config)).toMatchInlineSnapshot(`
      [
        "GRANT USAGE ON WAREHOUSE SNOWMELT_XS TO ROLE SNOWMELT;",
        "GRANT USAGE ON DATABASE SALES TO ROLE SNOWMELT;",
        "GRANT USAGE ON SCHEMA SALES.PUBLIC TO ROLE SNOWMELT;",
        "GRANT SELECT ON TABLE SALES.PUBLIC.CUSTOMERS TO ROLE SNOWMELT;",
        "GRANT SELECT ON TABLE SALES.PUBLIC.ORDERS TO ROLE SNOWMELT;",
        "ALTER TABLE SALES.PUBLIC.CUSTOMERS SET CHANGE_TRACKING = TRUE;",
        "ALTER TABLE SALES.PUBLIC.ORDERS SET CHANGE_TRACKING = TRUE;",
        "GRANT ROLE SNOWMELT TO USER SNOWMELT;",
      ]
    `);
  });

  test('of Snowflake for queries and streams: what is made is in the staging schema', () => {
    const topic = '{ name: all.x, partitions: 3 }';
    const sources = [
      `  q: { query: SELECT 1 AS ID, key: [ID], topic: ${topic} }`,
      `  s: { stream: OPS.PUBLIC."of mine", topic: ${topic.replace('x', 'y')} }`,
      `  m: { stream: { managed: true, on: SALES.PUBLIC.ITEMS }, topic: ${topic.replace('x', 'z')} }`,
    ].join('\n');
    const text = everything
      .replace('throughVpc: true', 'staging: SALES.SNOWMELT')
      .replace(/sources:[^]*/, 'sources:\n');
    expect(snowflakeGrants(loadConfig(text + sources, { path: 'x' })).slice(1, -1)).toEqual([
      'GRANT USAGE ON DATABASE OPS TO ROLE SNOWMELT;',
      'GRANT USAGE ON DATABASE SALES TO ROLE SNOWMELT;',
      'GRANT USAGE ON SCHEMA OPS.PUBLIC TO ROLE SNOWMELT;',
      'GRANT USAGE ON SCHEMA SALES.PUBLIC TO ROLE SNOWMELT;',
      'GRANT USAGE ON SCHEMA SALES.SNOWMELT TO ROLE SNOWMELT;',
      'GRANT CREATE STREAM ON SCHEMA SALES.SNOWMELT TO ROLE SNOWMELT;',
      'GRANT CREATE TABLE ON SCHEMA SALES.SNOWMELT TO ROLE SNOWMELT;',
      'GRANT SELECT ON TABLE SALES.PUBLIC.ITEMS TO ROLE SNOWMELT;',
      'GRANT SELECT ON STREAM OPS.PUBLIC."of mine" TO ROLE SNOWMELT;',
      'ALTER TABLE SALES.PUBLIC.ITEMS SET CHANGE_TRACKING = TRUE;',
    ]);
  });
});

const problems = (text: string) => findProblems(text).map(({ path, message }) => `${path.join('.')}: ${message}`);

test('topics that are told of columns and of progress are made, may be written, and are nobody else’s', () => {
  const schemas = 'schemaTopic: { name: all.schemas, partitions: 1 }';
  const text = `${everything}\ndefaults: { ${schemas}, progressTopic: { name: all.progress, partitions: 2 } }\n`;
  const topics = of(templateOf(text), 'AWS::MSK::Topic').map(({ Properties }) => Properties['TopicName']);
  expect(topics).toEqual(['all.orders', 'all.customers', 'all.schemas', 'all.progress', 'all.control']);
  const named = (operation: 'Read' | 'Write', user: 'publish' | 'operate') =>
    kafkaRights(loadConfig(text, { path: 'x' }), user)
      .filter(({ kind, operations }) => kind === 'topic' && operations.includes(operation))
      .map(({ name }) => name);
  expect(named('Write', 'publish')).toEqual(['all.customers', 'all.orders', 'all.progress', 'all.schemas']);
  // Rows are read back by who looks whether they are the table, and by nobody else.
  expect(named('Read', 'publish')).toEqual(['all.control']);
  expect(named('Read', 'operate')).toEqual(['all.control', 'all.customers', 'all.orders']);
  expect(problems(text.replace('all.progress', 'all.schemas'))).toEqual([
    'defaults.progressTopic.name: `all.schemas` is already the topic of schema changes',
  ]);
  expect(problems(text.replace('all.progress', 'all.orders'))).toEqual([
    'defaults.progressTopic.name: `all.orders` is already the topic of source orders',
  ]);
});

test('topics of dead letters are made, may be written, and read by operate', () => {
  const text = `${everything}\ndefaults: { onBadRow: dead-letter }\n`;
  const topics = of(templateOf(text), 'AWS::MSK::Topic').map(({ Properties }) => Properties['TopicName']);
  const letters = ['all.orders.deadletters', 'all.customers.deadletters'];
  expect(topics).toEqual(['all.orders', 'all.customers', ...letters, 'all.control']);
  const allowed = (user: 'publish' | 'operate') =>
    kafkaRights(loadConfig(text, { path: 'x' }), user).find(({ name }) => name === letters[0])?.operations;
  expect(allowed('publish')).toEqual(['Describe', 'DescribeConfigs', 'Write']);
  expect(allowed('operate')).toEqual(['Describe', 'DescribeConfigs', 'Read', 'Write']);
  expect(kafkaAcls(loadConfig(text, { path: 'x' }), 'User:s').join()).toContain(`'${letters[1]!}'`);
});

const pattern = `
patterns:
  shop:
    tables: SALES.PUBLIC.*
    key: primary-key
    topic: { name: "all.shop.{table}", partitions: 6 }
    every: 20m
    memory: 2048
    partitions: 8
    maxTables: 40
    progressTopic: { name: all.progress, partitions: 2 }
`;

describe('a pattern', () => {
  const text = `${everything}${pattern}`;
  const template = templateOf(text);
  const config = loadConfig(text, { path: 'x' });

  test('has one schedule and one size of publish, whatever tables there are', () => {
    const added = Object.keys(template.Resources).filter((id) => !(id in all.Resources));
    const types = added.map((id) => template.Resources[id]!.Type);
    const isOf = (prefix: string) => types.filter((type) => type.startsWith(prefix));
    expect(isOf('AWS::Scheduler::')).toEqual(['AWS::Scheduler::Schedule']);
    expect(isOf('AWS::Lambda::Function')).toEqual(['AWS::Lambda::Function']);
    expect(
      of(template, 'AWS::Events::Rule').map(({ Properties }) => JSON.stringify(Properties['EventPattern'])),
    ).toEqual(expect.arrayContaining([expect.stringContaining('publish-2048')]));
  });

  test('makes its topics itself; of those that it tells of progress, and of the control topic, the stack makes enough', () => {
    const topics = of(template, 'AWS::MSK::Topic').map(({ Properties }) => [
      Properties['TopicName'],
      Properties['PartitionCount'],
    ]);
    expect(topics).toEqual([
      ['all.orders', 12],
      ['all.customers', 3],
      ['all.progress', 2],
      ['all.control', 8],
    ]);
  });

  test('lets publish make topics whose names begin as its template does, and nobody else any', () => {
    const creates = (user: 'publish' | 'operate') =>
      kafkaRights(config, user).filter(({ operations }) => operations.includes('Create'));
    expect(creates('operate')).toEqual([]);
    expect(creates('publish')).toEqual([
      {
        kind: 'topic',
        name: 'all.shop.',
        prefix: true,
        operations: ['Create', 'Describe', 'DescribeConfigs', 'Write'],
      },
    ]);
    const wild = wildcardsOf(template).filter(({ action }) => action.endsWith('CreateTopic'));
    expect(wild.map(({ resource }) => resource.replace(/.*:topic/, 'topic'))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^topic\/events\/[0-9a-f-]+\/all\.shop\.\*$/)]),
    );
    expect(kafkaAcls(config, 'User:snowmelt')).toContain(
      "--add --allow-principal 'User:snowmelt' --topic 'all.shop.' --resource-pattern-type prefixed --operation Create --operation DescribeConfigs --operation Read --operation Write",
    );
  });

  test('reads what there is in its schema, and what is made later', () => {
    expect(snowflakeGrants({ ...config, sources: [] })).toEqual([
      'GRANT USAGE ON WAREHOUSE SNOWMELT_XS TO ROLE SNOWMELT;',
      'GRANT USAGE ON DATABASE SALES TO ROLE SNOWMELT;',
      'GRANT USAGE ON SCHEMA SALES.PUBLIC TO ROLE SNOWMELT;',
      'GRANT SELECT ON ALL TABLES IN SCHEMA SALES.PUBLIC TO ROLE SNOWMELT;',
      'GRANT SELECT ON FUTURE TABLES IN SCHEMA SALES.PUBLIC TO ROLE SNOWMELT;',
      'GRANT ROLE SNOWMELT TO USER SNOWMELT;',
    ]);
  });
});

test('settings that need each other', () => {
  expect(problems(everything.replace(/ {2}cluster:.*\n/, ''))).toEqual([
    'kafka.auth.method: iam needs `aws.cluster`, the cluster that may be used',
    'aws.topics: needs `aws.cluster`, the cluster that the topics are made in',
  ]);
  expect(problems(everything.replace('minInsync: 2', 'minInsync: 4'))).toEqual([
    'aws.topics.minInsync: must not be greater than `replication`',
  ]);
  expect(problems(everything.replace('auth: { method: iam }', 'tls: false\n  auth: { method: iam }'))).toEqual([
    'kafka.tls: must be true with the method iam',
  ]);
});

test('every metric that is told is on the list, and the alarms ask for no other', () => {
  const asked = JSON.stringify(all).matchAll(/SELECT \w+\((\w+)\)/g);
  const alarms = of(all, 'AWS::CloudWatch::Alarm').filter(({ Properties }) => Properties['Namespace'] === 'Snowmelt');
  const names = [
    ...[...asked].map(([, name]) => name!),
    ...alarms.map(({ Properties }) => Properties['MetricName'] as string),
  ];
  expect(names.length).toBeGreaterThan(10);
  expect(names.filter((name) => !(name in METRICS))).toEqual([]);
  const sources = readdirSync(join(root, 'lambdas'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const told = sources.flatMap((path) =>
    [...readFileSync(join(root, 'lambdas', path), 'utf8').matchAll(/\b(?:count|gauge|total)\(\s*'(\w+)'/g)].map(
      ([, name]) => name!,
    ),
  );
  // Errors are counted by the telemetry itself, too.
  expect([...new Set(told)].sort()).toEqual(Object.keys(METRICS).sort());
});
