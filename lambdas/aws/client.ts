/** How the AWS clients of this folder are addressed: short timeouts, few retries, the endpoint of a stand-in if there is one. */
import type { ResolvedConfig } from '../config/resolved.ts';

export type AwsConfig = Pick<ResolvedConfig, 'aws'>;

const CONNECT_MS = 2_000;
const REQUEST_MS = 5_000;
const ATTEMPTS = 3;

/** Region and credentials come from the function's environment. */
export function clientOptions(config: AwsConfig) {
  return {
    ...(config.aws.endpoint === null ? {} : { endpoint: config.aws.endpoint }),
    maxAttempts: ATTEMPTS,
    // Without `throwOnRequestTimeout` a late reply is only warned about.
    requestHandler: { connectionTimeout: CONNECT_MS, requestTimeout: REQUEST_MS, throwOnRequestTimeout: true },
  };
}

/** One client per endpoint for the life of the process: a warm function keeps its connections. */
export function perEndpoint<T>(create: (config: AwsConfig) => T): (config: AwsConfig) => T {
  const made = new Map<string | null, T>();
  return (config) => {
    const { endpoint } = config.aws;
    const client = made.get(endpoint) ?? create(config);
    made.set(endpoint, client);
    return client;
  };
}
