/** A role for each function, out of what statements.ts says that it may. What can't be named is on the list of wildcards, with its reason. */
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
import {
  functionStatements,
  glueStatement,
  NETWORK,
  RIGHTS,
  type FunctionName,
  type Rights,
  type Statement,
} from './statements.ts';

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
  const { kafka, registry } = config;
  const rights = RIGHTS[name];
  const statements = functionStatements(config, name, {
    table: table.tableArn,
    bus: bus.eventBusArn,
    logs: logs.logGroupArn,
    failures: failures.queueArn,
    key: key?.keyArn ?? null,
    identity: identityArn(scope, config.app),
    secret: (resourceName) =>
      Stack.of(scope).formatArn({
        service: 'secretsmanager',
        resource: 'secret',
        resourceName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
  });
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { [name]: new PolicyDocument({ statements: statements.map(allow) }) },
  });
  if (rights.opensKafka && kafka.auth.method === 'iam' && cluster !== null) {
    kafkaPolicy(scope, id, role, config, cluster, name === 'operate' ? 'operate' : 'publish');
  }
  if (registry?.type === 'glue' && rights.registry !== undefined) gluePolicy(scope, id, role, registry, rights);
  if (inVpc) networkPolicy(scope, id, role);
  return role;
}

/** Apart from the rest for the same reason as the network. */
function gluePolicy(
  scope: Construct,
  id: string,
  role: Role,
  registry: Extract<ResolvedRegistry, { type: 'glue' }>,
  rights: Rights,
): void {
  const { name, region } = registry;
  const where = { service: 'glue', ...(region === null ? {} : { region }) };
  const statement = glueStatement(registry, rights, (resource, resourceName) =>
    Stack.of(scope).formatArn({ ...where, resource, resourceName }),
  );
  const policy = new ManagedPolicy(scope, `${id}Registry`, { roles: [role], statements: [allow(statement)] });
  const schemas = `arn:<AWS::Partition>:glue:${region ?? '<AWS::Region>'}:<AWS::AccountId>:schema/${name}/*`;
  const why = WILDCARDS.find(({ actions }) => actions.startsWith('glue:'))!.why;
  acknowledge(policy, why, `AwsSolutions::AwsSolutions-IAM5[Resource::${schemas}]`);
}

/** Apart from the rest, so that what is acknowledged of it is acknowledged of nothing else. */
function networkPolicy(scope: Construct, id: string, role: Role): void {
  const policy = new ManagedPolicy(scope, `${id}Network`, { roles: [role], statements: [allow(NETWORK)] });
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
  const policy = new ManagedPolicy(scope, `${id}Kafka`, { roles: [role], statements: statements.map(allow) });
  const ids = wildcards.map((resource) => `AwsSolutions::AwsSolutions-IAM5[Resource::${resource}]`);
  acknowledge(
    policy,
    WILDCARDS.filter(({ actions }) => actions.startsWith('kafka-cluster:'))
      .map(({ why }) => why)
      .join(' '),
    ...ids,
  );
}

export function allow({ actions, resources }: Statement): PolicyStatement {
  return new PolicyStatement({ effect: Effect.ALLOW, actions, resources });
}
