/** Roles of people, for accounts to be assumed by whom their administrator lets: `snowmelt status`, and all of `snowmelt`. */
import { CfnOutput } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { AccountRootPrincipal, PolicyDocument, Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { allow } from './permissions.ts';
import { peopleStatements } from './statements.ts';

type Deployed = { table: Table; operate: Function; key: IKey | null };

export function peopleRoles(scope: Construct, { table, operate, key }: Deployed): void {
  const arns = { table: table.tableArn, operate: operate.functionArn, key: key?.keyArn ?? null };
  const roles = peopleStatements(arns);
  for (const [name, statements] of Object.entries(roles)) {
    const role = new Role(scope, `${name}Role`, {
      assumedBy: new AccountRootPrincipal(),
      description: `Snowmelt: ${name.toLowerCase()}`,
      inlinePolicies: { people: new PolicyDocument({ statements: statements.map(allow) }) },
    });
    new CfnOutput(scope, name, { value: role.roleArn, description: `For ${name.toLowerCase()}s of npx snowmelt` });
  }
}
