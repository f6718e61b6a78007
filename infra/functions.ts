/** The functions, the layer that holds their configuration, and where failed invocations go. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Architecture, Code, Function, LayerVersion, Runtime, type CfnFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Infrastructure } from '../lambdas/config/load.ts';
import { DEFAULT_PATH } from '../lambdas/config/runtime.ts';
import { functionRole, type FunctionName, type Uses } from './permissions.ts';

/**
 * Memory buys CPU: 1769 MB is one whole core, and publish is bound by it. plan mostly waits for Snowflake. An invocation ends
 * before its time runs out, so publish gets all that Lambda has.
 */
const SIZES: Record<FunctionName, { memorySize: number; timeout: Duration }> = {
  plan: { memorySize: 1024, timeout: Duration.minutes(5) },
  publish: { memorySize: 1769, timeout: Duration.minutes(15) },
  operate: { memorySize: 1024, timeout: Duration.minutes(15) },
  recount: { memorySize: 1024, timeout: Duration.minutes(15) },
};

/** A tick or an event older than this is worthless: the next one does the same. */
export const MAX_EVENT_AGE = Duration.seconds(60);

export type Worker = { fn: Function; failures: Queue };

/** Read by the functions as one file; a changed configuration is a new version of the layer. */
export function configLayer(scope: Construct, folder: string): LayerVersion {
  return new LayerVersion(scope, 'Config', {
    description: 'Resolved configuration',
    code: Code.fromAsset(folder),
    compatibleRuntimes: [Runtime.NODEJS_24_X],
    compatibleArchitectures: [Architecture.ARM_64],
  });
}

/** A function of `<dist>/<name>/index.mjs`. Nothing retries it but the next tick. */
export function worker(
  scope: Construct,
  name: FunctionName,
  props: Omit<Uses, 'logs' | 'inVpc'> & { dist: string; layer: LayerVersion; vpc: Infrastructure['vpc'] },
): Worker {
  const { config, dist, layer, vpc, ...uses } = props;
  const id = `${name[0]!.toUpperCase()}${name.slice(1)}`;
  const functionName = `snowmelt-${config.app}-${name}`;
  const logs = new LogGroup(scope, `${id}Logs`, {
    logGroupName: `/aws/lambda/${functionName}`,
    retention: RetentionDays.ONE_MONTH,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const failures = new Queue(scope, `${id}Failures`, { enforceSSL: true, retentionPeriod: Duration.days(14) });
  const fn = new Function(scope, id, {
    functionName,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
    code: Code.fromAsset(`${dist}/${name}`),
    layers: [layer],
    role: functionRole(scope, `${id}Role`, name, { config, ...uses, logs, inVpc: vpc !== null }),
    logGroup: logs,
    environment: {
      SNOWMELT_CONFIG: DEFAULT_PATH,
      NODE_OPTIONS: '--enable-source-maps',
      SNOWFLAKE_DISABLE_PLATFORM_DETECTION: 'true',
      SNOWFLAKE_DISABLE_MINICORE: 'true',
      SF_TELEMETRY_DISABLE_CONNECTION_SHAPE: '1',
    },
    ...SIZES[name],
    retryAttempts: 0,
    maxEventAge: MAX_EVENT_AGE,
    onFailure: new SqsDestination(failures),
  });
  if (vpc !== null) {
    (fn.node.defaultChild as CfnFunction).vpcConfig = { subnetIds: vpc.subnets, securityGroupIds: vpc.securityGroups };
  }
  return { fn, failures };
}
