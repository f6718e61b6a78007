import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root, synthesize } from '../../infra/synthesize.ts';
import { loadForStack, readConfigFile } from '../../lambdas/config/load.ts';
import { parseEmf } from '../../local/aws/emf.ts';
import { allows, roleOf, type Statement } from '../../local/aws/iam/policies.ts';
import { matchesPattern } from '../../local/aws/patterns.ts';
import { parseExpression } from '../../local/aws/schedules/expression.ts';
import { readAssembly, type Resource } from '../../local/aws/template/assembly.ts';
import { resolveValue } from '../../local/aws/template/intrinsics.ts';
import { configFile, readDeployment } from '../../local/aws/template/resources.ts';
import { FUNCTIONS } from '../../scripts/bundle.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowmelt-template-'));
afterAll(() => rmSync(folder, { recursive: true }));
const place = { region: 'eu-west-1', account: '123456789012' };

describe('the stack’s own template', () => {
  it('is understood as a whole', () => {
    const dist = join(folder, 'dist');
    for (const name of FUNCTIONS) {
      mkdirSync(join(dist, name), { recursive: true });
      writeFileSync(join(dist, name, 'index.mjs'), `export const handler = async () => '${name}';\n`);
    }
    const example = readConfigFile(join(root, 'config/example.yaml'));
    const out = join(folder, 'cdk.out');
    synthesize(loadForStack(example, { path: 'config/example.yaml', deployment: 1 }), dist, out);
    const deployment = readDeployment(readAssembly(out), place);

    const names = deployment.functions.map(({ name }) => name).sort();
    expect(names).toEqual(FUNCTIONS.map((name) => `snowmelt-shop-${name}`).sort());
    const publish = deployment.functions.find(({ name }) => name.endsWith('publish'))!;
    expect(publish).toMatchObject({ handler: 'index.handler', retries: 0 });
    expect(publish.timeoutMs).toBeGreaterThan(0);
    expect(publish.maxAgeMs).toBe(300_000);
    expect(configFile(publish)).toMatch(/snowmelt\/config\.json$/);
    expect(deployment.tables).toHaveLength(1);
    expect(deployment.tables[0]?.keySchema.map((key) => key.AttributeName)).toEqual(['pk', 'sk']);
    const [rule] = deployment.rules;
    expect(deployment.rules).toHaveLength(1);
    expect(deployment.buses).toContain(rule?.bus);
    expect(matchesPattern(rule!.pattern, { source: 'snowmelt.shop', 'detail-type': 'publish' })).toBe(true);
    expect(rule?.targets[0]?.arn).toBe(publish.arn);
    for (const schedule of deployment.schedules) {
      const target = schedule.expression === 'rate(1 hour)' ? 'recount' : 'plan';
      expect(schedule.target).toBe(deployment.functions.find(({ name }) => name.endsWith(target))?.arn);
      expect(JSON.parse(schedule.input)).toBeTypeOf('object');
      expect(parseExpression(schedule.expression, schedule.timezone, new Date()).next(new Date())).toBeInstanceOf(Date);
    }
    expect(deployment.schedules.length).toBeGreaterThanOrEqual(2);
  });
});

function deploy(resources: Record<string, Resource>) {
  return readDeployment({ stack: 's', template: { Resources: resources }, assets: new Map() }, place);
}

describe('a template', () => {
  const scope = {
    template: {
      Parameters: { Bare: { Type: 'String' }, Given: { Type: 'String', Default: 'default' } },
      Resources: {
        Fn: { Type: 'AWS::Lambda::Function', Properties: { FunctionName: { 'Fn::Sub': 'fn-${Given}' } } },
        Queue: { Type: 'AWS::SQS::Queue' },
        Group: { Type: 'AWS::EC2::SecurityGroup' },
      },
    },
    stack: 'stack',
    ...place,
  };
  it.each([
    [{ Ref: 'Fn' }, 'fn-default'],
    [{ 'Fn::GetAtt': ['Fn', 'Arn'] }, 'arn:aws:lambda:eu-west-1:123456789012:function:fn-default'],
    [{ 'Fn::GetAtt': 'Queue.Arn' }, 'arn:aws:sqs:eu-west-1:123456789012:stack-Queue'],
    [{ 'Fn::Join': ['/', ['a', { Ref: 'AWS::Region' }]] }, 'a/eu-west-1'],
    [{ 'Fn::Sub': ['${x}-${!y}-${AWS::AccountId}-${Queue.QueueName}', { x: 1 }] }, '1-${y}-123456789012-stack-Queue'],
    [{ a: [{ Ref: 'Given' }, 2, null, true] }, { a: ['default', 2, null, true] }],
  ])('resolves %j', (value, expected) => {
    expect(resolveValue(value, scope)).toEqual(expected);
  });

  it.each([
    [{ 'Fn::ImportValue': 'x' }, 'the template uses Fn::ImportValue'],
    [{ 'Fn::If': ['c', 1, 2] }, 'the template uses Fn::If'],
    [{ deep: [{ 'Fn::Select': [0, []] }] }, 'the template uses Fn::Select'],
    [{ Ref: 'Nobody' }, 'Ref Nobody'],
    [{ Ref: 'Bare' }, 'Ref Bare'],
    [{ 'Fn::GetAtt': ['Fn', 'SnapStartResponse'] }, 'GetAtt Fn.SnapStartResponse'],
    [{ 'Fn::GetAtt': ['Group', 'Arn'] }, 'no ARN for AWS::EC2::SecurityGroup'],
  ])('with %j is refused', (value, message) => {
    expect(() => resolveValue(value, scope)).toThrow(message);
  });

  it('with a resource that would do something is refused', () => {
    expect(() => deploy({ Q: { Type: 'AWS::StepFunctions::StateMachine' } })).toThrow("Q: the local stack can't run");
    expect(() => deploy({ B: { Type: 'AWS::Events::EventBus', Condition: 'c' } })).toThrow('conditions');
    expect(deploy({ A: { Type: 'AWS::CloudWatch::Alarm' } }).inert).toEqual(['AWS::CloudWatch::Alarm']);
  });

  it('with a schedule or rule that does not lead to a function of it is refused', () => {
    const Target = { Arn: 'arn:aws:sqs:x:y:z' };
    const schedule = { Type: 'AWS::Scheduler::Schedule', Properties: { ScheduleExpression: 'rate(1 day)', Target } };
    expect(() => deploy({ S: schedule })).toThrow('S: its target arn:aws:sqs:x:y:z is no function');
    const rule = { Type: 'AWS::Events::Rule', Properties: { EventPattern: {}, Targets: [Target] } };
    expect(() => deploy({ R: rule })).toThrow('R: its target arn:aws:sqs:x:y:z is no function');
  });
});

describe('policies', () => {
  const all: Statement[] = [
    { actions: ['dynamodb:GetItem', 'dynamodb:Query'], resources: ['arn:t'] },
    { actions: ['secretsmanager:GetSecretValue'], resources: ['arn:s-??????', 'arn:own/*'] },
  ];
  it.each([
    ['dynamodb:GetItem', 'arn:t', true],
    ['dynamodb:getitem', 'arn:t', true],
    ['dynamodb:PutItem', 'arn:t', false],
    ['dynamodb:GetItem', 'arn:T', false],
    ['secretsmanager:GetSecretValue', 'arn:t', false],
    ['secretsmanager:GetSecretValue', 'arn:s-a1b2c3', true],
    ['secretsmanager:GetSecretValue', 'arn:s-a1b2c', false],
    ['secretsmanager:GetSecretValue', 'arn:own/a/b', true],
  ])('%s on %s: %s', (action, resource, expected) => {
    expect(allows(all, action, resource)).toBe(expected);
  });

  const roleWith = (statement: object): Record<string, Resource> => ({
    Role: { Type: 'AWS::IAM::Role', Properties: { Policies: [{ PolicyDocument: { Statement: [statement] } }] } },
  });
  it.each([
    ['a denial', { Effect: 'Deny', Action: 'a:B', Resource: '*' }, 'Deny'],
    ['a condition', { Effect: 'Allow', Action: 'a:B', Resource: '*', Condition: {} }, 'Condition'],
    ['all but', { Effect: 'Allow', NotAction: 'a:B', Resource: '*' }, 'NotAction'],
  ])('with %s are refused', (_, statement, message) => {
    const template = { Resources: roleWith(statement) };
    expect(() => roleOf('Role', { template, stack: 'shop', ...place })).toThrow(message);
  });
});

describe('event patterns', () => {
  const event = { source: 'snowmelt.shop', detail: { partition: 3, tags: ['a', 'b'] } };
  it.each([
    [{ source: ['other', 'snowmelt.shop'] }, true],
    [{ source: ['snowmelt'] }, false],
    [{ source: [{ prefix: 'snowmelt.' }] }, true],
    [{ source: [{ 'anything-but': 'snowmelt.shop' }] }, false],
    [{ detail: { partition: [3] } }, true],
    [{ detail: { partition: ['3'] } }, false],
    [{ detail: { tags: ['b'] } }, true],
    [{ detail: { none: [{ exists: false }] } }, true],
    [{ detail: { none: [1] } }, false],
    [{ nothing: { there: [1] } }, false],
  ])('%j: %s', (pattern, expected) => {
    expect(matchesPattern(pattern, event)).toBe(expected);
  });
  it('with another matcher is refused', () => {
    expect(() => matchesPattern({ source: [{ wildcard: '*' }] }, event)).toThrow('wildcard');
  });
});

describe('schedule expressions', () => {
  const start = new Date('2026-03-04T10:07:30Z'); // a Wednesday
  it.each([
    ['rate(1 minute)', 'UTC', '2026-03-04T10:08:30.000Z'],
    ['rate(5 minutes)', 'UTC', '2026-03-04T10:12:30.000Z'],
    ['rate(2 days)', 'UTC', '2026-03-06T10:07:30.000Z'],
    ['cron(0/15 * * * ? *)', 'UTC', '2026-03-04T10:15:00.000Z'],
    ['cron(0 8 ? * MON-FRI *)', 'UTC', '2026-03-05T08:00:00.000Z'],
    ['cron(0 8 ? * 1 *)', 'UTC', '2026-03-08T08:00:00.000Z'], // 1 is Sunday
    ['cron(0 8 ? * 6L *)', 'UTC', '2026-03-27T08:00:00.000Z'], // last Friday
    ['cron(0 8 ? * 2#1 *)', 'UTC', '2026-04-06T08:00:00.000Z'], // first Monday
    ['cron(0 8 L * ? *)', 'UTC', '2026-03-31T08:00:00.000Z'],
    ['cron(30 9 1 1 ? 2027)', 'UTC', '2027-01-01T09:30:00.000Z'],
    ['cron(0 8 * * ? *)', 'America/New_York', '2026-03-04T13:00:00.000Z'],
    ['cron(0 8 * * ? 2025)', 'UTC', undefined],
  ])('%s in %s', (expression, timezone, expected) => {
    expect(parseExpression(expression, timezone, start).next(start)?.toISOString()).toBe(expected);
  });
  it.each(['rate(0 minutes)', 'rate(30 seconds)', 'every minute', 'cron(* * * * *)', 'cron(0 8 * * * *)'])(
    '%s is refused',
    (expression) => {
      expect(() => parseExpression(expression, 'UTC', start)).toThrow('schedule expression');
    },
  );
});

describe('embedded metrics', () => {
  it('are one metric for each definition and set of dimensions', () => {
    const line = JSON.stringify({
      _aws: {
        Timestamp: 5,
        CloudWatchMetrics: [
          { Namespace: 'N', Dimensions: [['a'], ['a', 'b']], Metrics: [{ Name: 'm', Unit: 'Count' }, { Name: 'k' }] },
        ],
      },
      a: 'x',
      b: 'y',
      m: [1, 2],
      k: 3,
    });
    const common = { namespace: 'N', at: 5 };
    expect(parseEmf(line)).toEqual([
      { ...common, name: 'm', unit: 'Count', values: [1, 2], dimensions: { a: 'x' } },
      { ...common, name: 'm', unit: 'Count', values: [1, 2], dimensions: { a: 'x', b: 'y' } },
      { ...common, name: 'k', unit: null, values: [3], dimensions: { a: 'x' } },
      { ...common, name: 'k', unit: null, values: [3], dimensions: { a: 'x', b: 'y' } },
    ]);
  });
  it.each(['', 'text', '{"a":1}', '{"CloudWatchMetrics" broken', '{"x":"\\"CloudWatchMetrics\\""}'])(
    '%j is an ordinary line',
    (line) => {
      expect(parseEmf(line)).toBeNull();
    },
  );
});
