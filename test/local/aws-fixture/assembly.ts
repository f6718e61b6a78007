/** A cloud assembly of the stack's own shape, whose functions are the fixture handler; a few resources are left to the test. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { readAssembly, type Assembly, type Resource } from '../../../local/aws/template/assembly.ts';

export const config = {
  app: 'shop',
  deployment: 1,
  table: { name: 'shop-checkpoints', endpoint: null, region: null },
  snowflake: {},
  kafka: { auth: { method: 'scram-sha-512', secret: 'AmazonMSK_shop' } },
  clocks: {},
  limits: {},
  aws: { endpoint: null, bus: 'shop' },
  sources: [],
};

export type Built = { assembly: Assembly; folder: string; remove(): void };

/** `timeout` is in seconds, as the template has it. */
export async function buildAssembly(
  change: { timeout?: number; resources?: Record<string, Resource> } = {},
): Promise<Built> {
  const folder = mkdtempSync(join(tmpdir(), 'snowmelt-assembly-'));
  mkdirSync(join(folder, 'asset.layer', 'snowmelt'), { recursive: true });
  writeFileSync(join(folder, 'asset.layer', 'snowmelt', 'config.json'), JSON.stringify(config));
  mkdirSync(join(folder, 'asset.broken'));
  writeFileSync(join(folder, 'asset.broken', 'index.mjs'), 'throw new RangeError("does not load");');
  await build({
    entryPoints: [join(import.meta.dirname, 'handler.ts')],
    outfile: join(folder, 'asset.code', 'index.mjs'),
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: 'import { createRequire as __cr } from "node:module"; const require = __cr(import.meta.url);' },
    logLevel: 'error',
  });
  const files = Object.fromEntries(
    ['code', 'layer', 'broken'].map((name) => [
      name,
      { source: { path: `asset.${name}` }, destinations: { here: { objectKey: `${name}.zip` } } },
    ]),
  );
  writeFileSync(join(folder, 'shop.assets.json'), JSON.stringify({ files }));
  const template = { Resources: { ...resources(change.timeout ?? 30), ...change.resources } };
  writeFileSync(join(folder, 'shop.template.json'), JSON.stringify(template));
  return { assembly: readAssembly(folder), folder, remove: () => rmSync(folder, { recursive: true }) };
}

const att = (id: string) => ({ 'Fn::GetAtt': [id, 'Arn'] });
const bucket = { 'Fn::Sub': 'assets-${AWS::AccountId}-${AWS::Region}' };

const policy = {
  Statement: [
    {
      Effect: 'Allow',
      Action: ['GetItem', 'PutItem', 'Query', 'UpdateItem'].map((action) => `dynamodb:${action}`),
      Resource: att('Table'),
    },
    { Effect: 'Allow', Action: 'events:PutEvents', Resource: att('Bus') },
    {
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: {
        'Fn::Sub': 'arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:AmazonMSK_shop-??????',
      },
    },
  ],
};

function fn(name: string, code: string, timeout: number, more: Record<string, unknown> = {}): Resource {
  return {
    Type: 'AWS::Lambda::Function',
    Properties: {
      FunctionName: { 'Fn::Join': ['-', ['shop', name]] },
      Handler: 'index.handler',
      Runtime: 'nodejs24.x',
      Code: { S3Bucket: bucket, S3Key: `${code}.zip` },
      Layers: [{ Ref: 'Config' }],
      Role: att('Role'),
      Timeout: timeout,
      MemorySize: 256,
      Environment: { Variables: { TABLE: { Ref: 'Table' }, SNOWMELT_CONFIG: '/opt/snowmelt/config.json' } },
      ...more,
    },
  };
}

function invokeConfig(target: string): Resource {
  const Properties = {
    FunctionName: { Ref: target },
    Qualifier: '$LATEST',
    MaximumRetryAttempts: 0,
    MaximumEventAgeInSeconds: 60,
  };
  return { Type: 'AWS::Lambda::EventInvokeConfig', Properties };
}

function resources(timeout: number): Record<string, Resource> {
  return {
    Role: { Type: 'AWS::IAM::Role', Properties: { Policies: [{ PolicyName: 'all', PolicyDocument: policy }] } },
    // May look, but neither write nor call.
    Onlooker: { Type: 'AWS::IAM::Role', Properties: {} },
    OnlookerPolicy: {
      Type: 'AWS::IAM::ManagedPolicy',
      Properties: {
        Roles: [{ Ref: 'Onlooker' }],
        PolicyDocument: { Statement: [{ Effect: 'Allow', Action: 'dynamodb:GetItem', Resource: att('Table') }] },
      },
    },
    Queue: { Type: 'AWS::SQS::Queue' },
    Config: { Type: 'AWS::Lambda::LayerVersion', Properties: { Content: { S3Bucket: bucket, S3Key: 'layer.zip' } } },
    Table: {
      Type: 'AWS::DynamoDB::Table',
      Properties: {
        TableName: 'shop-checkpoints',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [
          { AttributeName: 'pk', AttributeType: 'S' },
          { AttributeName: 'sk', AttributeType: 'S' },
        ],
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      },
    },
    Bus: { Type: 'AWS::Events::EventBus', Properties: { Name: 'shop' } },
    Plan: fn('plan', 'code', timeout),
    PlanInvokes: invokeConfig('Plan'),
    Publish: fn('publish', 'code', timeout, { ReservedConcurrentExecutions: 2 }),
    PublishInvokes: invokeConfig('Publish'),
    Broken: fn('broken', 'broken', timeout),
    Watch: fn('watch', 'code', timeout, { Role: att('Onlooker') }),
    Rule: {
      Type: 'AWS::Events::Rule',
      Properties: {
        EventBusName: { Ref: 'Bus' },
        EventPattern: { source: ['snowmelt.shop'], 'detail-type': ['publish'] },
        State: 'ENABLED',
        Targets: [{ Arn: att('Publish'), Id: 'Target0', DeadLetterConfig: { Arn: att('Queue') } }],
      },
    },
    Tick: {
      Type: 'AWS::Scheduler::Schedule',
      Properties: {
        ScheduleExpression: 'rate(1 minute)',
        FlexibleTimeWindow: { Mode: 'OFF' },
        Target: {
          Arn: att('Plan'),
          RoleArn: att('Role'),
          Input: {
            'Fn::Sub': '{"every":"rate(1 minute)","at":"<aws.scheduler.scheduled-time>","stack":"${AWS::StackName}"}',
          },
        },
      },
    },
  };
}
