/**
 * What each function may do in AWS, and what people who run commands may: the one table that permissions.ts makes roles of and
 * `npx snowmelt init` shows before there are any. No CDK: ARNs in, statements out. Kafka's ACLs: kafka-acls.ts; Snowflake's grants:
 * lambdas/config/grants.ts. Named actions on named resources.
 */
import type { Infrastructure } from '../lambdas/config/load.ts';
import type { ResolvedConfig, ResolvedRegistry } from '../lambdas/config/resolved.ts';

export type FunctionName = 'plan' | 'publish' | 'operate' | 'recount';

export type Statement = { actions: string[]; resources: string[] };

export type Rights = {
  table: string[];
  putsEvents: boolean;
  asksSnowflake: boolean;
  opensKafka: boolean;
  /** With `write` schemas are registered, where the configuration wants that. */
  registry?: 'read' | 'write';
};

/** `plan` writes the log and prunes it; `publish` only moves what is there; the others ask plan for windows. */
export const RIGHTS: Record<FunctionName, Rights> = {
  plan: {
    table: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'],
    putsEvents: true,
    asksSnowflake: true,
    opensKafka: false,
  },
  publish: {
    table: ['GetItem', 'Query', 'UpdateItem'],
    putsEvents: true,
    asksSnowflake: true,
    opensKafka: true,
    registry: 'write',
  },
  // A new life begins with a window; whatever it does is noted. It checks all that the others need, and holds topics against
  // their tables.
  operate: {
    table: ['GetItem', 'Query', 'PutItem', 'UpdateItem'],
    putsEvents: true,
    asksSnowflake: true,
    opensKafka: true,
    registry: 'read',
  },
  recount: { table: ['GetItem', 'Query', 'UpdateItem'], putsEvents: false, asksSnowflake: true, opensKafka: false },
};

/** ARNs of what a function touches; `secret` makes one of a name. */
export type Arns = {
  table: string;
  bus: string;
  /** Of this function. */
  logs: string;
  failures: string;
  /** null: a key of AWS's own, which needs no right. */
  key: string | null;
  identity: string;
  secret: (name: string) => string;
};

/** All but the network and what has policies of its own: MSK (msk.ts) and Glue. */
export function functionStatements(config: ResolvedConfig, name: FunctionName, arns: Arns): Statement[] {
  const { snowflake } = config;
  const rights = RIGHTS[name];
  const secrets = secretsOf(config, rights);
  return [
    { actions: rights.table.map((action) => `dynamodb:${action}`), resources: [arns.table] },
    { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [arns.logs] },
    // Lambda sends what failed with the role of the function.
    { actions: ['sqs:SendMessage'], resources: [arns.failures] },
    ...(rights.putsEvents ? [{ actions: ['events:PutEvents'], resources: [arns.bus] }] : []),
    ...(secrets.length > 0
      ? [{ actions: ['secretsmanager:GetSecretValue'], resources: secrets.map((name) => secretArn(name, arns.secret)) }]
      : []),
    ...(rights.asksSnowflake && snowflake.auth.method === 'workload-identity'
      ? [{ actions: ['sts:AssumeRole'], resources: [arns.identity] }]
      : []),
    ...keyStatements(arns.key),
  ];
}

function secretsOf({ snowflake, kafka, registry }: ResolvedConfig, rights: Rights): string[] {
  const basic = registry?.type === 'confluent' && registry.auth.method === 'basic' ? registry.auth.secret : null;
  return [
    ...(rights.asksSnowflake && 'secret' in snowflake.auth ? [snowflake.auth.secret] : []),
    ...(rights.asksSnowflake && snowflake.maskSalt ? [snowflake.maskSalt] : []),
    ...(rights.opensKafka && 'secret' in kafka.auth ? [kafka.auth.secret] : []),
    ...(rights.registry !== undefined && basic !== null ? [basic] : []),
  ];
}

/** A secret's ARN ends in a hyphen and six random characters that a name does not tell. */
function secretArn(secret: string, arn: (name: string) => string): string {
  if (secret.startsWith('arn:')) return /-[A-Za-z0-9]{6}$/.test(secret) ? secret : `${secret}-??????`;
  return arn(`${secret}-??????`);
}

/** Table and queues are read and written with the key of the caller's right to it. */
export function keyStatements(key: string | null): Statement[] {
  const actions = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'];
  return key === null ? [] : [{ actions, resources: [key] }];
}

/** Kafka is reached from the VPC alone; Snowflake only where its network policy or PrivateLink wants that. */
export function runsInVpc(name: FunctionName, { vpc, snowflakeThroughVpc }: Infrastructure): boolean {
  return vpc !== undefined && (RIGHTS[name].opensKafka || snowflakeThroughVpc);
}

/** Lambda makes the network interfaces of a function with its role. */
export const NETWORK: Statement = {
  actions: [
    'CreateNetworkInterface',
    'DescribeNetworkInterfaces',
    'DescribeSubnets',
    'DeleteNetworkInterface',
    'AssignPrivateIpAddresses',
    'UnassignPrivateIpAddresses',
  ].map((action) => `ec2:${action}`),
  resources: ['*'],
};

type Glue = Extract<ResolvedRegistry, { type: 'glue' }>;

/** Looking a schema up, and registering it where that is wanted. `arn` makes one of a kind and its name. */
export function glueStatement(
  { name, register }: Glue,
  rights: Rights,
  arn: (resource: 'registry' | 'schema', name: string) => string,
): Statement {
  const read = ['GetSchemaByDefinition', 'GetSchemaVersion'];
  const write = register && rights.registry === 'write' ? ['RegisterSchemaVersion', 'CreateSchema'] : [];
  return {
    actions: [...read, ...write].map((action) => `glue:${action}`),
    resources: [arn('registry', name), arn('schema', `${name}/*`)],
  };
}

/** The viewer reads the table. The operator besides pauses and resumes there, and has `operate` do the rest. */
export function peopleStatements(
  arns: Pick<Arns, 'table' | 'key'> & { operate: string },
): Record<'Viewer' | 'Operator', Statement[]> {
  const look = { actions: ['dynamodb:GetItem', 'dynamodb:Query'], resources: [arns.table] };
  const act = [
    { actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem'], resources: [arns.table] },
    { actions: ['lambda:InvokeFunction'], resources: [arns.operate] },
  ];
  const keys = keyStatements(arns.key);
  return { Viewer: [look, ...keys], Operator: [look, ...act, ...keys] };
}
