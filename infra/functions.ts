/** The functions, the layer that holds their configuration, and where failed invocations go. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import {
  Architecture,
  CfnEventInvokeConfig,
  Code,
  Function,
  LayerVersion,
  Runtime,
  type CfnFunction,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import type { Infrastructure } from '../lambdas/config/load.ts';
import { DEFAULT_PATH } from '../lambdas/config/runtime.ts';
import { identityArn } from './identity.ts';
import { functionRole, type Uses } from './permissions.ts';
import { acknowledge } from './rules.ts';
import { failureQueue } from './state.ts';
import { RIGHTS, runsInVpc, type FunctionName } from './statements.ts';

type Size = { memorySize: number; timeout: Duration };

/**
 * Memory buys CPU: 1769 MB is one whole core, and publish is bound by it. plan mostly waits for Snowflake. An invocation ends
 * before its time runs out, so publish gets all that Lambda has.
 */
const SIZES: Record<FunctionName, Size> = {
  plan: { memorySize: 1024, timeout: Duration.minutes(5) },
  publish: { memorySize: 1769, timeout: Duration.minutes(15) },
  operate: { memorySize: 1024, timeout: Duration.minutes(15) },
  recount: { memorySize: 1024, timeout: Duration.minutes(15) },
};

/** A tick older than this is worthless: the next one does the same. */
export const MAX_TICK_AGE = Duration.seconds(60);
/** An event may wait for a free place; every tick calls again who was not served. */
export const MAX_EVENT_AGE = Duration.minutes(5);

export type Worker = { fn: Function; failures: Queue };

export type WorkerProps = Pick<Uses, 'config' | 'table' | 'bus' | 'key'> & {
  infrastructure: Infrastructure;
  dist: string;
  layer: LayerVersion;
};

/** Read by the functions as one file; a changed configuration is a new version of the layer. */
export function configLayer(scope: Construct, folder: string): LayerVersion {
  return new LayerVersion(scope, 'Config', {
    description: 'Resolved configuration',
    code: Code.fromAsset(folder),
    compatibleRuntimes: [Runtime.NODEJS_24_X],
    compatibleArchitectures: [Architecture.ARM_64],
  });
}

/** A function of `<dist>/<name>/index.mjs`; `memory` makes it another one of that size. Nothing retries it but the next tick. */
export function worker(scope: Construct, name: FunctionName, props: WorkerProps, memory?: number): Worker {
  const { config, infrastructure, dist, layer, key } = props;
  const suffix = memory === undefined ? '' : `-${memory}`;
  const id = `${name[0]!.toUpperCase()}${name.slice(1)}${memory ?? ''}`;
  const functionName = `snowmelt-${config.app}-${name}${suffix}`;
  const logs = new LogGroup(scope, `${id}Logs`, {
    logGroupName: `/aws/lambda/${functionName}`,
    retention: RetentionDays.ONE_MONTH,
    ...(key === null ? {} : { encryptionKey: key }),
    // A late invocation makes it again after it was deleted, and then it stands in the way of the next deployment.
    removalPolicy: RemovalPolicy.RETAIN,
  });
  const failures = failureQueue(scope, `${id}Failures`, key);
  const vpc = runsInVpc(name, infrastructure) ? infrastructure.vpc : undefined;
  const uses = { ...props, logs, failures, cluster: infrastructure.cluster ?? null, inVpc: vpc !== undefined };
  const publishers = name === 'publish' ? infrastructure.publishers : undefined;
  const fn = new Function(scope, id, {
    functionName,
    runtime: Runtime.NODEJS_24_X,
    architecture: Architecture.ARM_64,
    handler: 'index.handler',
    code: Code.fromAsset(`${dist}/${name}`),
    layers: [layer],
    role: functionRole(scope, `${id}Role`, name, uses),
    logGroup: logs,
    environment: {
      SNOWMELT_CONFIG: DEFAULT_PATH,
      NODE_OPTIONS: '--enable-source-maps',
      SNOWFLAKE_DISABLE_PLATFORM_DETECTION: 'true',
      SNOWFLAKE_DISABLE_MINICORE: 'true',
      SF_TELEMETRY_DISABLE_CONNECTION_SHAPE: '1',
      ...(RIGHTS[name].asksSnowflake && config.snowflake.auth.method === 'workload-identity'
        ? { SNOWMELT_IDENTITY: identityArn(scope, config.app) }
        : {}),
    },
    ...SIZES[name],
    ...(memory === undefined ? {} : { memorySize: memory }),
    ...(publishers === undefined ? {} : { reservedConcurrentExecutions: publishers }),
  });
  if (vpc !== undefined) {
    (fn.node.defaultChild as CfnFunction).vpcConfig = { subnetIds: vpc.subnets, securityGroupIds: vpc.securityGroups };
  }
  new CfnEventInvokeConfig(scope, `${id}Invocations`, {
    functionName: fn.functionName,
    qualifier: '$LATEST',
    maximumRetryAttempts: 0,
    maximumEventAgeInSeconds: (name === 'publish' ? MAX_EVENT_AGE : MAX_TICK_AGE).toSeconds(),
    destinationConfig: { onFailure: { destination: failures.queueArn } },
  });
  acknowledge(
    fn,
    'What fails goes to a failure destination, which also tells why; a dead-letter queue would tell it a second time.',
    'Serverless::Serverless-LambdaDLQ',
  );
  acknowledge(
    fn,
    'Logs and metrics name source, window and request of every step; X-Ray would need an action on every resource.',
    'Serverless::Serverless-LambdaTracing',
  );
  return { fn, failures };
}
