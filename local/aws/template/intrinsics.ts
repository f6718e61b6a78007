/**
 * Resolves what the synthesised template uses of CloudFormation's functions: Ref, GetAtt, Sub, Join. Anything else is
 * refused, so that a template is never run as something it does not say.
 */
import type { Resource, Template } from './assembly.ts';

export type Scope = { template: Template; stack: string; region: string; account: string };

export function resolveValue(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => resolveValue(item, scope));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value) as [string, unknown][];
  const [first] = entries;
  if (entries.length === 1 && first !== undefined) {
    const [name, argument] = first;
    if (name === 'Ref') return resolveRef(String(argument), scope);
    if (name === 'Condition' || name.startsWith('Fn::')) return resolveFunction(name, argument, scope);
  }
  return Object.fromEntries(entries.map(([name, item]) => [name, resolveValue(item, scope)]));
}

function resolveFunction(name: string, argument: unknown, scope: Scope): unknown {
  if (name === 'Fn::GetAtt') {
    const [id = '', ...path] = typeof argument === 'string' ? argument.split('.') : (argument as string[]);
    return attributeOf(id, path.join('.'), scope);
  }
  if (name === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map((part) => String(resolveValue(part, scope))).join(separator);
  }
  if (name === 'Fn::Sub') {
    const [text, own] = (typeof argument === 'string' ? [argument, {}] : argument) as [string, Record<string, unknown>];
    return text.replace(/\$\{(!?)([^}]+)\}/g, (_, literal: string, expression: string) => {
      if (literal !== '') return `\${${expression}}`;
      if (own[expression] !== undefined) return String(resolveValue(own[expression], scope));
      const [id = '', ...path] = expression.split('.');
      return String(path.length === 0 ? resolveRef(id, scope) : attributeOf(id, path.join('.'), scope));
    });
  }
  throw new Error(`the template uses ${name}, which the local stand-in does not resolve`);
}

function resolveRef(id: string, scope: Scope): string {
  const pseudo: Record<string, string> = {
    'AWS::Region': scope.region,
    'AWS::AccountId': scope.account,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': scope.stack,
  };
  if (pseudo[id] !== undefined) return pseudo[id];
  const parameter = scope.template.Parameters?.[id];
  if (parameter?.Default !== undefined) return parameter.Default;
  const resource = scope.template.Resources[id];
  if (resource === undefined) throw new Error(`Ref ${id}: neither a resource nor a parameter with a default`);
  return REF_IS_ARN.has(resource.Type) ? arnOf(id, resource, scope) : nameOf(id, resource, scope);
}

function attributeOf(id: string, attribute: string, scope: Scope): string {
  const resource = scope.template.Resources[id];
  if (resource === undefined) throw new Error(`GetAtt ${id}.${attribute}: no such resource`);
  if (attribute === 'Arn') return arnOf(id, resource, scope);
  if (attribute === 'Name' || attribute === 'QueueName') return nameOf(id, resource, scope);
  throw new Error(`GetAtt ${id}.${attribute}: the local stand-in does not know this attribute`);
}

const REF_IS_ARN = new Set(['AWS::Lambda::LayerVersion', 'AWS::SNS::Topic', 'AWS::SecretsManager::Secret']);

/** Name property of each type, and how its ARN ends. Types without an entry are called `<stack>-<logical id>`. */
const NAMES: Record<string, { property: string; arn: (name: string) => string }> = {
  'AWS::Lambda::Function': { property: 'FunctionName', arn: (name) => `lambda:function:${name}` },
  'AWS::Lambda::LayerVersion': { property: 'LayerName', arn: (name) => `lambda:layer:${name}:1` },
  'AWS::DynamoDB::Table': { property: 'TableName', arn: (name) => `dynamodb:table/${name}` },
  'AWS::DynamoDB::GlobalTable': { property: 'TableName', arn: (name) => `dynamodb:table/${name}` },
  'AWS::Events::EventBus': { property: 'Name', arn: (name) => `events:event-bus/${name}` },
  'AWS::Events::Rule': { property: 'Name', arn: (name) => `events:rule/${name}` },
  'AWS::Scheduler::Schedule': { property: 'Name', arn: (name) => `scheduler:schedule/${name}` },
  'AWS::Scheduler::ScheduleGroup': { property: 'Name', arn: (name) => `scheduler:schedule-group/${name}` },
  'AWS::SQS::Queue': { property: 'QueueName', arn: (name) => `sqs:${name}` },
  'AWS::SNS::Topic': { property: 'TopicName', arn: (name) => `sns:${name}` },
  'AWS::Logs::LogGroup': { property: 'LogGroupName', arn: (name) => `logs:log-group:${name}:*` },
  'AWS::IAM::Role': { property: 'RoleName', arn: (name) => `iam:role/${name}` },
  'AWS::SecretsManager::Secret': { property: 'Name', arn: (name) => `secretsmanager:secret:${name}` },
};

/** The physical name: as the template gives it, else made from the logical id. */
export function nameOf(id: string, resource: Resource, scope: Scope): string {
  const property = NAMES[resource.Type]?.property;
  const given = property === undefined ? undefined : resource.Properties?.[property];
  return given === undefined ? `${scope.stack}-${id}` : String(resolveValue(given, scope));
}

export function arnOf(id: string, resource: Resource, scope: Scope): string {
  const entry = NAMES[resource.Type];
  if (entry === undefined) throw new Error(`the local stand-in knows no ARN for ${resource.Type} (${id})`);
  const [service = '', ...rest] = entry.arn(nameOf(id, resource, scope)).split(':');
  const region = service === 'iam' ? '' : scope.region;
  return ['arn:aws', service, region, scope.account, ...rest].join(':');
}
