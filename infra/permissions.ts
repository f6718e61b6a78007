/** What each function may do: named actions on named resources, nothing shared between the two. */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { Effect, PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';

export type FunctionName = 'plan' | 'publish';

/** `plan` writes the log and prunes it; `publish` only moves what is there. */
const TABLE_ACTIONS: Record<FunctionName, string[]> = {
  plan: ['GetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'],
  publish: ['GetItem', 'Query', 'UpdateItem'],
};

export type Uses = { config: ResolvedConfig; table: Table; bus: EventBus; logs: LogGroup; inVpc: boolean };

export function functionRole(scope: Construct, id: string, name: FunctionName, uses: Uses): Role {
  const { config, table, bus, logs, inVpc } = uses;
  const { snowflake, kafka } = config;
  const secrets = [snowflake.auth.secret];
  if (name === 'publish' && kafka.auth.method !== 'none') secrets.push(kafka.auth.secret);
  const statements = [
    allow(
      TABLE_ACTIONS[name].map((action) => `dynamodb:${action}`),
      [table.tableArn],
    ),
    allow(['events:PutEvents'], [bus.eventBusArn]),
    allow(
      ['secretsmanager:GetSecretValue'],
      secrets.map((secret) => secretArn(scope, secret)),
    ),
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], [logs.logGroupArn]),
  ];
  if (inVpc) statements.push(networkInterfaces());
  return new Role(scope, id, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    inlinePolicies: { [name]: new PolicyDocument({ statements }) },
  });
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
