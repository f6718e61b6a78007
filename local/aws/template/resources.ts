/** What of the template the local stack runs: functions, schedules, buses with their rules, tables, the config layer. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { roleOf, type RoleSpec } from '../iam/policies.ts';
import type { Assembly, Resource } from './assembly.ts';
import { arnOf, nameOf, resolveValue, type Scope } from './intrinsics.ts';

export type FunctionSpec = {
  /** Logical id. */
  id: string;
  name: string;
  arn: string;
  /** Folder of the bundle. */
  root: string;
  /** `<file>.<export>` */
  handler: string;
  timeoutMs: number;
  memoryMb: number;
  /** Reserved concurrency, or null. */
  concurrency: number | null;
  environment: Record<string, string>;
  /** Whose rights it has. */
  role: RoleSpec;
  /** Folders that would be merged into /opt. */
  layers: string[];
  /** Of asynchronous invocations. */
  retries: number;
  maxAgeMs: number;
};
export type ScheduleSpec = { id: string; expression: string; timezone: string; input: string; target: string };
export type RuleSpec = { id: string; bus: string; pattern: Pattern; targets: { arn: string; path: string | null }[] };
export type Pattern = { [field: string]: unknown[] | Pattern };
export type TableSpec = {
  name: string;
  keySchema: { AttributeName: string; KeyType: string }[];
  attributes: { AttributeName: string; AttributeType: string }[];
};
export type Deployment = {
  region: string;
  account: string;
  functions: FunctionSpec[];
  schedules: ScheduleSpec[];
  buses: string[];
  rules: RuleSpec[];
  tables: TableSpec[];
  /** Types that are there and do nothing here. */
  inert: string[];
};

/** Alarms, queues and networks have no effect on one machine; roles are read with the functions. Any other type that isn't run is refused. */
const INERT =
  /^AWS::(IAM|Logs|CloudWatch|SNS|SQS|EC2|KMS|MSK|CDK|SecretsManager|Lambda::Permission$|Scheduler::ScheduleGroup$)/;
const RUN = new Set([
  'AWS::Lambda::Function',
  'AWS::Lambda::LayerVersion',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Scheduler::Schedule',
  'AWS::Events::EventBus',
  'AWS::Events::Rule',
  'AWS::DynamoDB::Table',
  'AWS::DynamoDB::GlobalTable',
]);

type Properties = Record<string, unknown>;
type Found = { id: string; resource: Resource; properties: Properties };

export type Place = { region: string; account: string };

/** @throws Error that names a type, function or property that can't be run here. */
export function readDeployment(assembly: Assembly, place: Place): Deployment {
  const { template, stack } = assembly;
  const scope: Scope = { template, stack, ...place };
  const inert = new Set<string>();
  for (const [id, { Type, Condition }] of Object.entries(template.Resources)) {
    if (!RUN.has(Type) && !INERT.test(Type)) throw new Error(`${id}: the local stack can't run ${Type}`);
    if (RUN.has(Type) && Condition !== undefined) throw new Error(`${id}: conditions are not supported`);
    if (!RUN.has(Type)) inert.add(Type);
  }
  const all = (...types: string[]): Found[] =>
    Object.entries(template.Resources)
      .filter(([, resource]) => types.includes(resource.Type))
      .map(([id, resource]) => ({ id, resource, properties: resource.Properties ?? {} }));
  const get = (found: Found, name: string) => resolveValue(found.properties[name], scope);

  const layers = new Map(
    all('AWS::Lambda::LayerVersion').map((layer) => [
      arnOf(layer.id, layer.resource, scope),
      assetFolder(get(layer, 'Content') as { S3Key: string }, assembly, layer.id),
    ]),
  );
  const invokeConfigs = new Map(
    all('AWS::Lambda::EventInvokeConfig').map((config) => [String(get(config, 'FunctionName')), config.properties]),
  );
  const functions = all('AWS::Lambda::Function').map((found): FunctionSpec => {
    const name = nameOf(found.id, found.resource, scope);
    const environment = get(found, 'Environment') as { Variables?: Record<string, string> } | undefined;
    return {
      id: found.id,
      name,
      arn: arnOf(found.id, found.resource, scope),
      root: assetFolder(get(found, 'Code') as { S3Key: string }, assembly, found.id),
      handler: String(get(found, 'Handler')),
      timeoutMs: Number(get(found, 'Timeout') ?? 3) * 1000,
      memoryMb: Number(get(found, 'MemorySize') ?? 128),
      concurrency: (get(found, 'ReservedConcurrentExecutions') as number | undefined) ?? null,
      environment: environment?.Variables ?? {},
      role: roleOf(roleId(found), scope),
      layers: ((get(found, 'Layers') ?? []) as string[]).map((arn) => mustFind(layers, arn, found.id)),
      retries: Number(invokeConfigs.get(name)?.['MaximumRetryAttempts'] ?? 2),
      maxAgeMs: Number(invokeConfigs.get(name)?.['MaximumEventAgeInSeconds'] ?? 21_600) * 1000,
    };
  });
  const arns = new Set(functions.map((spec) => spec.arn));
  return {
    ...place,
    functions,
    schedules: all('AWS::Scheduler::Schedule')
      .filter((found) => get(found, 'State') !== 'DISABLED')
      .map((found) => readSchedule(found.id, resolveValue(found.properties, scope) as Properties, arns)),
    buses: ['default', ...all('AWS::Events::EventBus').map((found) => nameOf(found.id, found.resource, scope))],
    rules: all('AWS::Events::Rule')
      .filter((found) => get(found, 'State') !== 'DISABLED')
      .map((found) => readRule(found.id, resolveValue(found.properties, scope) as Properties, arns)),
    tables: all('AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable').map((found) => ({
      name: nameOf(found.id, found.resource, scope),
      keySchema: get(found, 'KeySchema') as TableSpec['keySchema'],
      attributes: get(found, 'AttributeDefinitions') as TableSpec['attributes'],
    })),
    inert: [...inert],
  };
}

/** The config file that the layers bring, as a function would see it under /opt. */
export function configFile(spec: FunctionSpec): string | null {
  return spec.layers.map((folder) => join(folder, 'snowmelt', 'config.json')).find((file) => existsSync(file)) ?? null;
}

/** Logical id of a function's role. */
function roleId({ id, properties }: Found): string {
  const { 'Fn::GetAtt': attribute } = (properties['Role'] ?? {}) as { 'Fn::GetAtt'?: string[] };
  if (attribute?.[0] === undefined) throw new Error(`${id}: its role is not one of the template`);
  return attribute[0];
}

function readSchedule(id: string, properties: Properties, functions: Set<string>): ScheduleSpec {
  const target = properties['Target'] as { Arn: string; Input?: string };
  if (!functions.has(target.Arn)) throw new Error(`${id}: its target ${target.Arn} is no function of the template`);
  return {
    id,
    expression: String(properties['ScheduleExpression']),
    timezone: (properties['ScheduleExpressionTimezone'] as string | undefined) ?? 'UTC',
    input: target.Input ?? '{}',
    target: target.Arn,
  };
}

function readRule(id: string, properties: Properties, functions: Set<string>): RuleSpec {
  if (properties['EventPattern'] === undefined) throw new Error(`${id}: only rules with an event pattern are run`);
  const targets = (properties['Targets'] ?? []) as { Arn: string; InputPath?: string; [other: string]: unknown }[];
  for (const target of targets) {
    if (!functions.has(target.Arn) && !isTopic(target.Arn))
      throw new Error(`${id}: its target ${target.Arn} is no function of the template, and no SNS topic`);
    const refused = ['Input', 'InputTransformer'].find((name) => target[name] !== undefined);
    if (refused !== undefined) throw new Error(`${id}: ${refused} of a rule's target is not supported`);
  }
  return {
    id,
    bus: ((properties['EventBusName'] as string | undefined) ?? 'default').split('/').at(-1)!,
    pattern: properties['EventPattern'] as Pattern,
    targets: targets.map(({ Arn: arn, InputPath: path }) => ({ arn, path: path ?? null })),
  };
}

/** One that people listen to; it may be anybody's. */
export function isTopic(arn: string): boolean {
  return /^arn:[a-z-]+:sns:/.test(arn);
}

function assetFolder(code: { S3Key?: string }, assembly: Assembly, id: string): string {
  if (code.S3Key === undefined) throw new Error(`${id}: its code is no asset`);
  return mustFind(assembly.assets, code.S3Key, id);
}

function mustFind(map: Map<string, string>, key: string, id: string): string {
  const found = map.get(key);
  if (found === undefined) throw new Error(`${id}: ${key} is not there as a folder`);
  return found;
}
