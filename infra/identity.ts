/**
 * Workload identity: the one role that signs in to Snowflake. There a user has one, and a result belongs to the user who ran it,
 * so the functions, each with a role of its own, take this one on to sign in. It may do nothing in AWS.
 */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { ArnPrincipal, CompositePrincipal, Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { identityName } from '../lambdas/config/grants.ts';
import type { Worker } from './functions.ts';

export function snowflakeIdentity(scope: Construct, config: ResolvedConfig, workers: Worker[]): void {
  if (config.snowflake.auth.method !== 'workload-identity') return;
  new Role(scope, 'SnowflakeIdentity', {
    roleName: identityName(config.app),
    description: 'Signs in to Snowflake; may do nothing else',
    assumedBy: new CompositePrincipal(...workers.map(({ fn }) => new ArnPrincipal(fn.role!.roleArn))),
  });
}

/** By its name, not by the resource: that one names the roles of the functions. */
export function identityArn(scope: Construct, app: string): string {
  return Stack.of(scope).formatArn({
    service: 'iam',
    region: '',
    resource: 'role',
    resourceName: identityName(app),
    arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
  });
}
