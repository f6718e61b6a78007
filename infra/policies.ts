/**
 * The stack's roles as IAM writes policies, for who has to agree to them before there is a stack. No CDK: the statements are those that
 * permissions.ts makes the roles of, with names in the place of what CloudFormation knows.
 */
import type { Infrastructure } from '../lambdas/config/load.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { identityName } from '../lambdas/config/grants.ts';
import { mskStatements } from './msk.ts';
import {
  functionStatements,
  glueStatement,
  NETWORK,
  peopleStatements,
  RIGHTS,
  runsInVpc,
  type FunctionName,
  type Statement,
} from './statements.ts';

export type Place = { partition: string; region: string; account: string };

type Policy = { Version: '2012-10-17'; Statement: { Effect: 'Allow'; Action: string[]; Resource: string[] }[] };

/** By role. With workload identity there is one more, which signs in to Snowflake and may do nothing. */
export function rolePolicies(
  config: ResolvedConfig,
  infrastructure: Infrastructure,
  place: Place,
): Record<string, Policy> {
  const { app, table, aws } = config;
  const arn = (service: string, resource: string, region = place.region) =>
    `arn:${place.partition}:${service}:${region}:${place.account}:${resource}`;
  const shared = {
    table: arn('dynamodb', `table/${table.name}`, table.region ?? place.region),
    key: infrastructure.key ?? null,
  };
  const statementsOf = (name: FunctionName): Statement[] => {
    const own = functionStatements(config, name, {
      ...shared,
      bus: arn('events', `event-bus/${aws.bus}`),
      logs: arn('logs', `log-group:/aws/lambda/snowmelt-${app}-${name}:*`),
      // The stack gives the queue a name that begins so.
      failures: arn('sqs', `snowmelt-${app}-${name.charAt(0).toUpperCase()}${name.slice(1)}Failures*`),
      identity: arn('iam', `role/${identityName(app)}`, ''),
      secret: (secret) => arn('secretsmanager', `secret:${secret}`),
    });
    const rights = RIGHTS[name];
    const { kafka, registry } = config;
    const { cluster } = infrastructure;
    return [
      ...own,
      ...(rights.opensKafka && kafka.auth.method === 'iam' && cluster !== undefined
        ? mskStatements(config, cluster, name === 'operate' ? 'operate' : 'publish').statements
        : []),
      ...(registry?.type === 'glue' && rights.registry !== undefined
        ? [glueStatement(registry, rights, (kind, of) => arn('glue', `${kind}/${of}`, registry.region ?? place.region))]
        : []),
      ...(runsInVpc(name, infrastructure) ? [NETWORK] : []),
    ];
  };
  const functions = (Object.keys(RIGHTS) as FunctionName[]).map((name) => [name, statementsOf(name)] as const);
  const people = peopleStatements({ ...shared, operate: arn('lambda', `function:snowmelt-${app}-operate`) });
  return Object.fromEntries([...functions, ...Object.entries(people)].map(([name, all]) => [name, policyOf(all)]));
}

function policyOf(statements: readonly Statement[]): Policy {
  return {
    Version: '2012-10-17',
    Statement: statements.map(({ actions, resources }) => ({ Effect: 'Allow', Action: actions, Resource: resources })),
  };
}
