/** What each function may do: named actions on named resources, each function its own. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { ResolvedConfig, ResolvedRegistry } from '../lambdas/config/resolved.ts';

export type FunctionName = 'plan' | 'publish' | 'operate' | 'recount';

/** `plan` writes the log and prunes it; `publish` only moves what is there; the others ask plan for windows. */
const TABLE_ACTIONS: Record<FunctionName, string[]> = {
  plan: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'],
  publish: ['GetItem', 'Query', 'UpdateItem'],
  // A new life begins with a window; whatever it does is noted.
  operate: ['GetItem', 'Query', 'PutItem', 'UpdateItem'],
  recount: ['GetItem', 'Query', 'UpdateItem'],
};
const CALLS_PUBLISH: Record<FunctionName, boolean> = { plan: true, publish: true, operate: false, recount: false };
const ASKS_SNOWFLAKE: Record<FunctionName, boolean> = { plan: true, publish: true, operate: false, recount: true };
const OPENS_KAFKA: Record<FunctionName, boolean> = { plan: false, publish: true, operate: true, recount: false };

export type Uses = { config: ResolvedConfig; table: Table; bus: EventBus; logs: LogGroup; inVpc: boolean };

export function functionRole(scope: Construct, id: string, name: FunctionName, uses: Uses): Role {
  const { config, table, bus, logs, inVpc } = uses;
  const { snowflake, kafka } = config;
  const secrets = ASKS_SNOWFLAKE[name]
    ? [snowflake.auth.secret, ...(snowflake.maskSalt ? [snowflake.maskSalt] : [])]
    : [];
  if (OPENS_KAFKA[name] && kafka.auth.method !== 'none') secrets.push(kafka.auth.secret);
  if (name === 'publish' && config.registry?.type === 'confluent' && config.registry.auth.method === 'basic')
    secrets.push(config.registry.auth.secret);
  const statements = [
    allow(
      TABLE_ACTIONS[name].map((action) => `dynamodb:${action}`),
      [table.tableArn],
    ),
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs.logGroupArn]),
  ];
  if (CALLS_PUBLISH[name]) statements.push(allow(['events:PutEvents'], [bus.eventBusArn]));
  if (secrets.length > 0) {
    const arns = secrets.map((secret) => secretArn(scope, secret));
    statements.push(allow(['secretsmanager:GetSecretValue'], arns));
  }
  if (name === 'publish' && config.registry?.type === 'glue') statements.push(glueRegistry(scope, config.registry));
  if (inVpc) statements.push(networkInterfaces());
  return new Role(scope, id, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { [name]: new PolicyDocument({ statements }) },
  });
}

/** Looking a schema up, and registering it where that is wanted. */
function glueRegistry(
  scope: Construct,
  { name, region, register }: Extract<ResolvedRegistry, { type: 'glue' }>,
): PolicyStatement {
  const read = ['GetSchemaByDefinition', 'GetSchemaVersion'];
  const write = ['RegisterSchemaVersion', 'CreateSchema'];
  const where = { service: 'glue', ...(region === null ? {} : { region }) };
  return allow(
    [...read, ...(register ? write : [])].map((action) => `glue:${action}`),
    [
      Stack.of(scope).formatArn({ ...where, resource: 'registry', resourceName: name }),
      Stack.of(scope).formatArn({ ...where, resource: 'schema', resourceName: `${name}/*` }),
    ],
  );
}

/** Lambda itself makes the interfaces with the function's role; these actions know no narrower resource. */
function networkInterfaces(): PolicyStatement {
  const actions = [
    'CreateNetworkInterface',
    'DescribeNetworkInterfaces',
    'DescribeSubnets',
    'DeleteNetworkInterface',
    'AssignPrivateIpAddresses',
    'UnassignPrivateIpAddresses',
  ];
  return allow(
    actions.map((action) => `ec2:${action}`),
    ['*'],
  );
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
