/** Endpoints for a VPC without NAT. Those of Snowflake (PrivateLink, and its stage in S3) are the user's own. */
import { Aws } from 'aws-cdk-lib';
import { CfnVPCEndpoint } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { Infrastructure } from '../lambdas/config/load.ts';

const GATEWAYS = ['dynamodb', 's3'];
const INTERFACES = ['events', 'secretsmanager', 'sts'];

export function vpcEndpoints(scope: Construct, { vpc }: Infrastructure): void {
  if (vpc?.endpoints === undefined) return;
  const { vpc: vpcId, routeTables: routeTableIds } = vpc.endpoints;
  const nameOf = (service: string) => `com.amazonaws.${Aws.REGION}.${service}`;
  for (const service of GATEWAYS) {
    new CfnVPCEndpoint(scope, `Endpoint-${service}`, {
      vpcId,
      routeTableIds,
      serviceName: nameOf(service),
      vpcEndpointType: 'Gateway',
    });
  }
  for (const service of INTERFACES) {
    new CfnVPCEndpoint(scope, `Endpoint-${service}`, {
      vpcId,
      subnetIds: vpc.subnets,
      securityGroupIds: vpc.securityGroups,
      serviceName: nameOf(service),
      vpcEndpointType: 'Interface',
      privateDnsEnabled: true,
    });
  }
}
