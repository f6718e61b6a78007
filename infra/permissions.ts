/**
 * What each function may do, in one table: rendered here to a role each, in kafka-acls.ts to Kafka's ACLs
 * and in lambdas/config/grants.ts to Snowflake's grants.
 * Named actions on named resources; what can't be named is on the list of wildcards, with its reason.
 */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { Effect, ManagedPolicy, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { ResolvedConfig, ResolvedRegistry } from '../lambdas/config/resolved.ts';
import { identityArn } from './identity.ts';
import type { KafkaUser } from './kafka-rights.ts';
import { mskStatements } from './msk.ts';
import { acknowledge } from './rules.ts';

export type FunctionName = 'plan' | 'publish' | 'operate' | 'recount';

type Rights = {
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

/** Every `*` that is granted, and why it can't be narrower. A test holds the template to this list. */
export const WILDCARDS: { actions: string; resource: string; why: string }[] = [
  {
    actions: 'ec2:*NetworkInterface*, ec2:DescribeSubnets, ec2:*PrivateIpAddresses',
    resource: '*',
    why: 'Lambda makes the network interfaces with the role of the function; these actions know no narrower resource.',
  },
  {
    actions: 'kafka-cluster:*TransactionalId',
    resource: 'transactional-id/<cluster>/snowmelt:<app>:*',
    why: 'One for each partition of each source.',
  },
  {
    actions: 'kafka-cluster:*Group',
    resource: 'group/<cluster>/snowmelt:<app>:*',
    why: 'One for each source.',
  },
  {
    actions: 'kafka-cluster:WriteData, kafka-cluster:ReadData, kafka-cluster:Describe*',
    resource: 'topic/<cluster>/*',
    why: 'Only where more topics are configured than an inline policy can name (10,240 characters).',
  },
  {
    actions: 'kafka-cluster:CreateTopic, kafka-cluster:WriteData, kafka-cluster:ReadData, kafka-cluster:Describe*',
    resource: 'topic/<cluster>/<topicPrefix>*',
    why: 'Topics of a pattern, one for each table that it finds.',
  },
  {
    actions: 'glue:GetSchema*, glue:RegisterSchemaVersion, glue:CreateSchema',
    resource: 'schema/<registry>/*',
    why: 'A schema for each topic, its key and its truncation, under names that the subject strategy makes.',
  },
];

export type Uses = {
  config: ResolvedConfig;
  table: Table;
  bus: EventBus;
  logs: LogGroup;
  failures: Queue;
  key: IKey | null;
  cluster: string | null;
  inVpc: boolean;
};

export function functionRole(scope: Construct, id: string, name: FunctionName, uses: Uses): Role {
  const { config, table, bus, logs, failures, key, cluster, inVpc } = uses;
  const { snowflake, kafka } = config;
  const rights = RIGHTS[name];
  const secrets = rights.asksSnowflake && 'secret' in snowflake.auth ? [snowflake.auth.secret] : [];
  if (rights.asksSnowflake && snowflake.maskSalt) secrets.push(snowflake.maskSalt);
  if (rights.opensKafka && 'secret' in kafka.auth) secrets.push(kafka.auth.secret);
  const registry = rights.registry === undefined ? null : config.registry;
  if (registry?.type === 'confluent' && registry.auth.method === 'basic') secrets.push(registry.auth.secret);
  const statements = [
    allow(
      rights.table.map((action) => `dynamodb:${action}`),
      [table.tableArn],
    ),
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs.logGroupArn]),
    // Lambda sends what failed with the role of the function.
    allow(['sqs:SendMessage'], [failures.queueArn]),
  ];
  if (rights.putsEvents) statements.push(allow(['events:PutEvents'], [bus.eventBusArn]));
  if (secrets.length > 0) {
    const arns = secrets.map((secret) => secretArn(scope, secret));
    statements.push(allow(['secretsmanager:GetSecretValue'], arns));
  }
  if (rights.asksSnowflake && snowflake.auth.method === 'workload-identity') {
    statements.push(allow(['sts:AssumeRole'], [identityArn(scope, config.app)]));
  }
  if (key !== null) statements.push(useKey(key));
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { [name]: new PolicyDocument({ statements }) },
  });
  if (rights.opensKafka && kafka.auth.method === 'iam' && cluster !== null) {
    kafkaPolicy(scope, id, role, config, cluster, name === 'operate' ? 'operate' : 'publish');
  }
  if (registry?.type === 'glue')
    gluePolicy(scope, id, role, { ...registry, register: registry.register && rights.registry === 'write' });
  if (inVpc) networkPolicy(scope, id, role);
  return role;
}

/** Looking a schema up, and registering it where that is wanted. Apart from the rest for the same reason. */
function gluePolicy(
  scope: Construct,
  id: string,
  role: Role,
  { name, region, register }: Extract<ResolvedRegistry, { type: 'glue' }>,
): void {
  const read = ['GetSchemaByDefinition', 'GetSchemaVersion'];
  const write = ['RegisterSchemaVersion', 'CreateSchema'];
  const where = { service: 'glue', ...(region === null ? {} : { region }) };
  const statement = allow(
    [...read, ...(register ? write : [])].map((action) => `glue:${action}`),
    [
      Stack.of(scope).formatArn({ ...where, resource: 'registry', resourceName: name }),
      Stack.of(scope).formatArn({ ...where, resource: 'schema', resourceName: `${name}/*` }),
    ],
  );
  const policy = new ManagedPolicy(scope, `${id}Registry`, { roles: [role], statements: [statement] });
  const schemas = `arn:<AWS::Partition>:glue:${region ?? '<AWS::Region>'}:<AWS::AccountId>:schema/${name}/*`;
  const why = WILDCARDS.find(({ actions }) => actions.startsWith('glue:'))!.why;
  acknowledge(policy, why, `AwsSolutions::AwsSolutions-IAM5[Resource::${schemas}]`);
}

/** Apart from the rest, so that what is acknowledged of it is acknowledged of nothing else. */
function networkPolicy(scope: Construct, id: string, role: Role): void {
  const actions = [
    'CreateNetworkInterface',
    'DescribeNetworkInterfaces',
    'DescribeSubnets',
    'DeleteNetworkInterface',
    'AssignPrivateIpAddresses',
    'UnassignPrivateIpAddresses',
  ];
  const statement = allow(
    actions.map((action) => `ec2:${action}`),
    ['*'],
  );
  const policy = new ManagedPolicy(scope, `${id}Network`, { roles: [role], statements: [statement] });
  acknowledge(policy, WILDCARDS[0]!.why, 'AwsSolutions::AwsSolutions-IAM5[Resource::*]');
}

/** MSK's IAM has a resource for each topic, group and transactional id. */
function kafkaPolicy(
  scope: Construct,
  id: string,
  role: Role,
  config: ResolvedConfig,
  cluster: string,
  user: KafkaUser,
): void {
  const { statements, wildcards } = mskStatements(config, cluster, user);
  const policy = new ManagedPolicy(scope, `${id}Kafka`, {
    roles: [role],
    statements: statements.map(({ actions, resources }) => allow(actions, resources)),
  });
  const ids = wildcards.map((resource) => `AwsSolutions::AwsSolutions-IAM5[Resource::${resource}]`);
  acknowledge(
    policy,
    WILDCARDS.filter(({ actions }) => actions.startsWith('kafka-cluster:'))
      .map(({ why }) => why)
      .join(' '),
    ...ids,
  );
}

/** Table and queues are read and written with the key of the caller's right to it. */
export function useKey(key: IKey): PolicyStatement {
  return allow(['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey'], [key.keyArn]);
}

/** A secret's ARN ends in a hyphen and six random characters that a name does not tell. */
function secretArn(scope: Construct, secret: string): string {
  if (secret.startsWith('arn:')) return /-[A-Za-z0-9]{6}$/.test(secret) ? secret : `${secret}-??????`;
  return Stack.of(scope).formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${secret}-??????`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

export function allow(actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions, resources });
}
