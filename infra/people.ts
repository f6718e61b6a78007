/** Roles of people, for accounts to be assumed by whom their administrator lets: `snowmelt status`, and all of `snowmelt`. */
import { CfnOutput } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { AccountRootPrincipal, PolicyDocument, Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { allow, useKey } from './permissions.ts';

type Deployed = { table: Table; operate: Function; key: IKey | null };

/** The viewer reads the table. The operator besides pauses and resumes there, and has `operate` do the rest. */
export function peopleRoles(scope: Construct, { table, operate, key }: Deployed): void {
  const look = allow(['dynamodb:GetItem', 'dynamodb:Query'], [table.tableArn]);
  const act = [
    allow(['dynamodb:PutItem', 'dynamodb:UpdateItem'], [table.tableArn]),
    allow(['lambda:InvokeFunction'], [operate.functionArn]),
  ];
  const keys = key === null ? [] : [useKey(key)];
  const roles = { Viewer: [look, ...keys], Operator: [look, ...act, ...keys] };
  for (const [name, statements] of Object.entries(roles)) {
    const role = new Role(scope, `${name}Role`, {
      assumedBy: new AccountRootPrincipal(),
      description: `Snowmelt: ${name.toLowerCase()}`,
      inlinePolicies: { people: new PolicyDocument({ statements }) },
    });
    new CfnOutput(scope, name, { value: role.roleArn, description: `For ${name.toLowerCase()}s of npx snowmelt` });
  }
}
