import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { rolePolicies } from '../../infra/policies.ts';
import { scheduleId } from '../../infra/schedules.ts';
import { root, synthesize, type Template as Json } from '../../infra/synthesize.ts';
import { tableDefinition } from '../../lambdas/checkpoints/definition.ts';
import { loadForStack, readConfigFile } from '../../lambdas/config/load.ts';
import { FUNCTIONS } from '../../scripts/bundle.ts';

const dist = mkdtempSync(join(tmpdir(), 'snowmelt-dist-'));
afterAll(() => rmSync(dist, { recursive: true }));
for (const name of FUNCTIONS) {
  mkdirSync(join(dist, name));
  writeFileSync(join(dist, name, 'index.mjs'), 'export const handler = async () => {};\n');
}

const example = readConfigFile(join(root, 'config/example.yaml'));

function templateOf(text: string, deployment = 1): Json {
  return synthesize(loadForStack(text, { path: 'config/example.yaml', deployment }), dist);
}

const json = templateOf(example);
const template = Template.fromJSON(json);

/** Logical ids whose resource is not the same in both. */
function changed(a: Json, b: Json): string[] {
  const ids = new Set([...Object.keys(a.Resources), ...Object.keys(b.Resources)]);
  return [...ids].filter((id) => JSON.stringify(a.Resources[id]) !== JSON.stringify(b.Resources[id])).sort();
}

function idsOf(type: string): string[] {
  return Object.keys(template.findResources(type));
}

type Statement = { Action: string | string[]; Resource: unknown };

/** What the role of a function (or of the schedules) may do: `action resource`. */
function grants(role: string, of = json): string[] {
  const policies = Object.values(of.Resources).flatMap(({ Type, Properties }) =>
    /Policy$/.test(Type) && Type.startsWith('AWS::IAM') && JSON.stringify(Properties['Roles']).includes(role)
      ? [Properties]
      : [],
  );
  const inline = Object.entries(of.Resources)
    .filter(([id, { Type }]) => Type === 'AWS::IAM::Role' && id.startsWith(role))
    .flatMap(([, { Properties }]) => Properties['Policies'] as { PolicyDocument: { Statement: Statement[] } }[]);
  return [...(policies as { PolicyDocument: { Statement: Statement[] } }[]), ...inline]
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) => [Resource].flat().map((resource) => `${action} ${nameOf(resource)}`)),
    )
    .sort();
}

function nameOf(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const { 'Fn::GetAtt': attribute, 'Fn::Join': join } = resource as {
    'Fn::GetAtt'?: string[];
    'Fn::Join'?: [string, unknown[]];
  };
  if (attribute !== undefined) return attribute[0]!.replace(/[0-9A-F]{8}$/, '');
  return join![1].filter((part) => typeof part === 'string').join('');
}

describe('state', () => {
  test('the table is on demand, can be restored, and outlives the stack', () => {
    template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        TableName: 'snowmelt-shop',
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        KeySchema: [
          { AttributeName: tableDefinition.partitionKey, KeyType: 'HASH' },
          { AttributeName: tableDefinition.sortKey, KeyType: 'RANGE' },
        ],
        StreamSpecification: Match.absent(),
      },
    });
  });

  test('its logical id never changes: CloudFormation would make another table', () => {
    expect(idsOf('AWS::DynamoDB::Table')).toEqual(['Checkpoints620E2F20']);
  });
});

describe('functions', () => {
  const inside = {
    SubnetIds: ['subnet-0a1b2c3d4e5f60718', 'subnet-1a2b3c4d5e6f70819'],
    SecurityGroupIds: ['sg-0a1b2c3d4e5f60718'],
  };
  test.each([
    ['snowmelt-shop-plan', 1024, 300, Match.absent()],
    ['snowmelt-shop-publish', 1769, 900, inside],
    ['snowmelt-shop-operate', 1024, 900, inside],
    ['snowmelt-shop-recount', 1024, 900, Match.absent()],
  ])('%s runs on Node 24, arm64, with the configuration from the layer', (name, memory, timeout, vpc) => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: name,
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      MemorySize: memory,
      Timeout: timeout,
      Layers: [{ Ref: idsOf('AWS::Lambda::LayerVersion')[0] }],
      Environment: { Variables: Match.objectLike({ SNOWMELT_CONFIG: '/opt/snowmelt/config.json' }) },
      VpcConfig: vpc,
    });
  });

  test('plan and recount join them where Snowflake is to be asked through the VPC', () => {
    const through = templateOf(example.replace('warehouse:', 'throughVpc: true\n  warehouse:'));
    Template.fromJSON(through).allResourcesProperties('AWS::Lambda::Function', { VpcConfig: inside });
  });

  test('Lambda retries nothing, drops what is old and keeps what failed', () => {
    template.resourceCountIs('AWS::Lambda::EventInvokeConfig', 4);
    template.allResourcesProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
    });
    const ages = Object.values(template.findResources('AWS::Lambda::EventInvokeConfig')).map((config) => {
      const { FunctionName, MaximumEventAgeInSeconds } = (config as Json['Resources'][string]).Properties;
      return [nameOf({ 'Fn::GetAtt': [(FunctionName as { Ref: string }).Ref] }), MaximumEventAgeInSeconds];
    });
    expect(Object.fromEntries(ages)).toEqual({ Plan: 60, Publish: 300, Operate: 60, Recount: 60 });
  });

  test('without a VPC they have no interfaces and no right to any', () => {
    const open = templateOf(example.replace(/aws:\n {2}vpc:\n.*\n.*\n/, ''));
    Template.fromJSON(open).allResourcesProperties('AWS::Lambda::Function', { VpcConfig: Match.absent() });
    expect(JSON.stringify(open)).not.toContain('ec2:');
  });
});

describe('permissions', () => {
  test('plan', () => {
    expect(grants('PlanRole')).toEqual(
      [
        'dynamodb:DeleteItem Checkpoints',
        'dynamodb:GetItem Checkpoints',
        'dynamodb:PutItem Checkpoints',
        'dynamodb:Query Checkpoints',
        'dynamodb:UpdateItem Checkpoints',
        'events:PutEvents Bus',
        'logs:CreateLogStream PlanLogs',
        'logs:PutLogEvents PlanLogs',
        'secretsmanager:GetSecretValue :secretsmanager:::secret:snowmelt/snowflake-??????',
        'sqs:SendMessage PlanFailures',
      ].map((grant) => grant.replace(/^secretsmanager:GetSecretValue :/, 'secretsmanager:GetSecretValue arn::')),
    );
  });

  test('publish can neither write the log nor delete, and also reads the secret of Kafka', () => {
    const granted = grants('PublishRole').filter((grant) => /^(dynamodb|secretsmanager)/.test(grant));
    expect(granted).toEqual([
      'dynamodb:GetItem Checkpoints',
      'dynamodb:Query Checkpoints',
      'dynamodb:UpdateItem Checkpoints',
      'secretsmanager:GetSecretValue arn::secretsmanager:::secret:AmazonMSK_snowmelt-??????',
      'secretsmanager:GetSecretValue arn::secretsmanager:::secret:snowmelt/snowflake-??????',
    ]);
  });

  test('with a schema registry publish may ask it, and operate may look', () => {
    const confluent = 'registry: { type: confluent, url: "https://r", auth: { method: basic, secret: registry-user } }';
    const basic = templateOf(`${example}\n${confluent}`);
    expect(grants('PublishRole', basic).filter((grant) => grant.includes('registry'))).toEqual([
      'secretsmanager:GetSecretValue arn::secretsmanager:::secret:registry-user-??????',
    ]);
    const glue = templateOf(`${example}\nregistry: { type: glue, name: own, register: false }`);
    expect(grants('PublishRole', glue).filter((grant) => grant.startsWith('glue'))).toEqual([
      'glue:GetSchemaByDefinition arn::glue:::registry/own',
      'glue:GetSchemaByDefinition arn::glue:::schema/own/*',
      'glue:GetSchemaVersion arn::glue:::registry/own',
      'glue:GetSchemaVersion arn::glue:::schema/own/*',
    ]);
    const registering = templateOf(`${example}\nregistry: { type: glue, name: own }`);
    const changes = (role: string) =>
      grants(role, registering).filter((grant) => /^glue:(Register|Create)/.test(grant));
    expect(changes('PublishRole')).toHaveLength(4);
    expect(changes('OperateRole')).toEqual([]);
    expect(grants('OperateRole', registering).filter((grant) => grant.startsWith('glue'))).toHaveLength(4);
    for (const role of ['PlanRole', 'RecountRole']) {
      expect([...grants(role, basic), ...grants(role, glue)].filter((grant) => /glue|registry/.test(grant))).toEqual(
        [],
      );
    }
  });

  test('operate can not delete; recount knows nothing of Kafka and calls nobody', () => {
    const granted = (role: string) => grants(role).filter((grant) => /^(dynamodb|secretsmanager|events)/.test(grant));
    expect(granted('OperateRole')).toEqual([
      'dynamodb:GetItem Checkpoints',
      'dynamodb:PutItem Checkpoints',
      'dynamodb:Query Checkpoints',
      'dynamodb:UpdateItem Checkpoints',
      'events:PutEvents Bus',
      'secretsmanager:GetSecretValue arn::secretsmanager:::secret:AmazonMSK_snowmelt-??????',
      'secretsmanager:GetSecretValue arn::secretsmanager:::secret:snowmelt/snowflake-??????',
    ]);
    expect(granted('RecountRole')).toEqual([
      'dynamodb:GetItem Checkpoints',
      'dynamodb:Query Checkpoints',
      'dynamodb:UpdateItem Checkpoints',
      'secretsmanager:GetSecretValue arn::secretsmanager:::secret:snowmelt/snowflake-??????',
    ]);
  });

  test('people: a viewer reads the table; an operator writes it too, and invokes operate alone', () => {
    expect(grants('ViewerRole')).toEqual(['dynamodb:GetItem Checkpoints', 'dynamodb:Query Checkpoints']);
    expect(grants('OperatorRole')).toEqual([
      'dynamodb:GetItem Checkpoints',
      'dynamodb:PutItem Checkpoints',
      'dynamodb:Query Checkpoints',
      'dynamodb:UpdateItem Checkpoints',
      'lambda:InvokeFunction Operate',
    ]);
    template.hasOutput('Viewer', {});
    template.hasOutput('Operator', {});
  });

  test('what `npx snowmelt init` shows of them is what they have', () => {
    const { config, infrastructure } = loadForStack(example, { path: 'x' });
    const place = { partition: 'aws', region: 'eu-central-1', account: '123456789012' };
    const shown = Object.entries(rolePolicies(config, infrastructure, place));
    expect(shown).toHaveLength(6);
    const actionsOf = (all: string[]) => all.map((grant) => grant.split(' ')[0]).sort();
    for (const [name, { Statement }] of shown) {
      const pairs = Statement.flatMap(({ Action, Resource }) => Action.flatMap((action) => Resource.map(() => action)));
      expect(actionsOf(pairs)).toEqual(actionsOf(grants(`${name.charAt(0).toUpperCase()}${name.slice(1)}Role`)));
    }
  });

  test('with workload identity a role of its own signs in to Snowflake, and no secret is read for it', () => {
    const without = example.replace(
      /auth:\n {4}method: key-pair\n {4}secret: .*\n/,
      'auth: { method: workload-identity }\n',
    );
    const identity = templateOf(without);
    const arn = ':iam:::role/snowmelt-shop-snowflake';
    for (const role of ['PlanRole', 'PublishRole', 'OperateRole', 'RecountRole']) {
      const granted = grants(role, identity).filter((grant) => /^(sts|secretsmanager:.*snowflake-)/.test(grant));
      expect(granted).toEqual([`sts:AssumeRole arn:${arn}`]);
    }
    const [role] = Object.values(identity.Resources).filter(({ Properties }) => Properties?.['RoleName'] !== undefined);
    expect(role!.Properties['RoleName']).toBe('snowmelt-shop-snowflake');
    expect(role!.Properties['Policies']).toBeUndefined();
    const { Statement } = role!.Properties['AssumeRolePolicyDocument'] as {
      Statement: { Principal: { AWS: unknown } }[];
    };
    const trusted = Statement.flatMap(({ Principal }) => [Principal.AWS].flat().map(nameOf)).sort();
    expect(trusted).toEqual(['OperateRole', 'PlanRole', 'PublishRole', 'RecountRole']);
  });

  test('the schedules may call plan and recount, no other function and no version of them', () => {
    expect(grants('SchedulerRole')).toEqual([
      'lambda:InvokeFunction Plan',
      'lambda:InvokeFunction Recount',
      'sqs:SendMessage PlanFailures',
      'sqs:SendMessage RecountFailures',
    ]);
    template.hasResourceProperties('AWS::IAM::Role', {
      AssumeRolePolicyDocument: {
        Statement: [
          {
            Principal: { Service: 'scheduler.amazonaws.com' },
            Condition: {
              StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' }, 'aws:SourceArn': Match.anyValue() },
            },
          },
        ],
      },
    });
  });

  test('no policies of AWS, no wildcards but for network interfaces', () => {
    const roles = [
      'ViewerRole',
      'OperatorRole',
      'PlanRole',
      'PublishRole',
      'OperateRole',
      'RecountRole',
      'SchedulerRole',
    ];
    expect(idsOf('AWS::IAM::Role')).toHaveLength(7);
    expect(roles.flatMap((role) => grants(role)).filter((grant) => grant.includes('*'))).toEqual(
      ['PublishRole', 'OperateRole'].flatMap(() => [
        'ec2:AssignPrivateIpAddresses *',
        'ec2:CreateNetworkInterface *',
        'ec2:DeleteNetworkInterface *',
        'ec2:DescribeNetworkInterfaces *',
        'ec2:DescribeSubnets *',
        'ec2:UnassignPrivateIpAddresses *',
      ]),
    );
    template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });
});

describe('ticks and events', () => {
  test('a schedule for each distinct `every`, with nothing but it, one for unfinished work and one for late commits', () => {
    const inputs = Object.values(template.findResources('AWS::Scheduler::Schedule')).map((resource) => {
      const { ScheduleExpression, Target } = (
        resource as { Properties: { ScheduleExpression: string; Target: { Input: string } } }
      ).Properties;
      return [ScheduleExpression, JSON.parse(Target.Input)] as const;
    });
    expect(new Map(inputs.map(([expression, input]) => [JSON.stringify(input), expression]))).toEqual(
      new Map([
        ['{"tick":"unfinished"}', 'rate(1 minute)'],
        ['{}', 'rate(1 hour)'],
        ['{"every":"rate(1 minute)"}', 'rate(1 minute)'],
        ['{"every":"rate(15 minutes)"}', 'rate(15 minutes)'],
        ['{"every":"cron(0/5 6-22 ? * MON-FRI *)"}', 'cron(0/5 6-22 ? * MON-FRI *)'],
      ]),
    );
    template.allResourcesProperties('AWS::Scheduler::Schedule', {
      GroupName: 'snowmelt-shop',
      Target: {
        RetryPolicy: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 },
        DeadLetterConfig: { Arn: Match.anyValue() },
      },
    });
  });

  test('a changed `every` touches that schedule and the layer, nothing else', () => {
    const after = templateOf(example.replace('every: 15m', 'every: 20m'));
    expect(changed(json, after)).toEqual(
      [scheduleId('rate(15 minutes)'), scheduleId('rate(20 minutes)'), ...idsOf('AWS::Lambda::LayerVersion')].sort(),
    );
  });

  test('a source more on an `every` that exists changes the layer alone', () => {
    const after = templateOf(
      `${example}\n  returns:\n    table: A.B.C\n    key: [ID]\n    topic: { name: shop.returns, partitions: 1 }\n`,
    );
    expect(changed(json, after)).toEqual(idsOf('AWS::Lambda::LayerVersion'));
  });

  test('the same deployment again changes nothing; a later one the layer', () => {
    expect(changed(json, templateOf(example))).toEqual([]);
    expect(changed(json, templateOf(example, 2))).toEqual(idsOf('AWS::Lambda::LayerVersion'));
  });

  test('events of this app start publish; what is not delivered is kept', () => {
    template.hasResourceProperties('AWS::Events::EventBus', { Name: 'snowmelt-shop' });
    template.hasResourceProperties('AWS::Events::Rule', {
      EventBusName: { Ref: idsOf('AWS::Events::EventBus')[0] },
      EventPattern: { source: ['snowmelt.shop'], 'detail-type': ['publish'] },
      Targets: [
        Match.objectLike({
          Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^Publish'), 'Arn'] },
          DeadLetterConfig: { Arn: Match.anyValue() },
          Input: Match.absent(),
        }),
      ],
    });
  });
});

test('the layer holds the resolved configuration where the functions look for it', () => {
  const { config } = loadForStack(example, { path: 'x', deployment: 9 });
  templateOf(example, 9);
  const stored = JSON.parse(readFileSync(join(dist, 'config/shop/snowmelt/config.json'), 'utf8')) as unknown;
  expect(stored).toEqual(config);
});
