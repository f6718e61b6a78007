/** What `init` has to know, in the order in which it is asked. */
import { presetNames } from '../../lambdas/config/presets.ts';
import type { Path } from '../../lambdas/config/problems.ts';
import { parseWanted } from './tables.ts';

type Name =
  | 'env'
  | 'app'
  | 'account'
  | 'user'
  | 'role'
  | 'warehouse'
  | 'auth'
  | 'secret'
  | 'from'
  | 'preset'
  | 'staging'
  | 'every'
  | 'topicPartitions'
  | 'brokers'
  | 'kafkaAuth'
  | 'kafkaSecret'
  | 'cluster'
  | 'subnets'
  | 'securityGroups'
  | 'awsAccount'
  | 'region';

/** Lists have commas; nothing is the empty text. */
export type Answers = Record<Name, string>;
export type Said = Partial<Answers>;

export type Question = {
  name: Name;
  text: string;
  /** What is taken where nothing is said; undefined: it has to be said. */
  usual: (said: Said) => string | undefined;
  /** It is asked only then; else its answer is the empty text. */
  when?: (said: Said) => boolean;
  choices?: readonly string[];
  /** Where it stands in the configuration, which says what is valid. */
  path?: Path;
  list?: true;
  /** Why it can't be that. */
  refuse?: (text: string) => string | null;
};

const required = (): undefined => undefined;
const nothing = (): string => '';
const SECRETLESS = new Set(['none', 'iam', undefined]);
/** By the ports of MSK. */
const METHODS: Record<string, string> = { '9098': 'iam', '9096': 'scram-sha-512', '9094': 'mtls' };

const matching = (pattern: RegExp, what: string) => (text: string) =>
  text === '' || pattern.test(text) ? null : `must be ${what}`;

export const QUESTIONS: readonly Question[] = [
  {
    name: 'env',
    text: 'environment: the name of the file',
    usual: () => 'prod',
    refuse: matching(/^[A-Za-z0-9][A-Za-z0-9_-]*$/, 'letters, digits, `-` or `_`'),
  },
  { name: 'app', text: 'name of the deployment; never to be changed', usual: ({ env }) => env, path: ['app'] },
  {
    name: 'account',
    text: 'Snowflake account, such as myorg-myaccount',
    usual: required,
    path: ['snowflake', 'account'],
  },
  { name: 'user', text: 'user of the service in Snowflake', usual: () => 'SNOWMELT', path: ['snowflake', 'user'] },
  { name: 'role', text: 'its role', usual: ({ user }) => user, path: ['snowflake', 'role'] },
  { name: 'warehouse', text: 'its warehouse', usual: () => 'SNOWMELT_XS', path: ['snowflake', 'warehouse'] },
  {
    name: 'auth',
    text: 'how it signs in; workload-identity needs no secret',
    usual: () => 'workload-identity',
    choices: ['workload-identity', 'key-pair'],
  },
  {
    name: 'secret',
    text: 'secret in Secrets Manager with the private key',
    when: ({ auth }) => auth === 'key-pair',
    usual: ({ app }) => `snowmelt/${app}/snowflake`,
    path: ['snowflake', 'auth', 'secret'],
  },
  {
    name: 'preset',
    text: "Snowflake's own logs (docs/captures.md), with commas; none: empty",
    usual: nothing,
    list: true,
    refuse: (text) => {
      const strange = listOf(text).find((each) => !(presetNames as readonly string[]).includes(each));
      return strange === undefined ? null : `${strange} is none; there are ${presetNames.join(', ')}`;
    },
  },
  {
    name: 'from',
    text: "tables: 'DB.SCHEMA.TABLE(KEY)', or 'DB.SCHEMA.*' where they can be asked for (--ask, --local)",
    usual: ({ preset }) => (preset ? '' : undefined),
    refuse: refuseTables,
  },
  {
    name: 'staging',
    text: 'schema for copies of query results, DATABASE.SCHEMA',
    when: ({ preset }) => Boolean(preset),
    usual: required,
    path: ['snowflake', 'staging'],
  },
  { name: 'every', text: 'how often tables are looked at', usual: () => '1m', path: ['defaults', 'every'] },
  {
    name: 'topicPartitions',
    text: 'partitions of each topic',
    usual: () => '6',
    refuse: matching(/^[1-9][0-9]{0,3}$/, 'a number from 1 to 9999'),
  },
  { name: 'brokers', text: 'brokers, host:port with commas', usual: required, path: ['kafka', 'brokers'], list: true },
  {
    name: 'kafkaAuth',
    text: 'how the functions sign in to Kafka',
    usual: ({ brokers = '' }) => METHODS[/:(\d+)$/.exec(brokers)?.[1] ?? ''] ?? 'none',
    choices: ['none', 'iam', 'scram-sha-512', 'scram-sha-256', 'plain', 'mtls'],
  },
  {
    name: 'kafkaSecret',
    text: 'secret in Secrets Manager with what they sign in with',
    when: ({ kafkaAuth }) => !SECRETLESS.has(kafkaAuth),
    usual: ({ app }) => `AmazonMSK_snowmelt_${app}`,
    path: ['kafka', 'auth', 'secret'],
  },
  {
    name: 'cluster',
    text: 'ARN of the MSK cluster',
    when: ({ kafkaAuth }) => kafkaAuth === 'iam',
    usual: required,
    path: ['aws', 'cluster'],
  },
  {
    name: 'subnets',
    text: 'subnets of the functions, with commas; outside of a VPC: empty',
    usual: nothing,
    path: ['aws', 'vpc', 'subnets'],
    list: true,
  },
  {
    name: 'securityGroups',
    text: 'their security groups, with commas',
    when: ({ subnets }) => Boolean(subnets),
    usual: required,
    path: ['aws', 'vpc', 'securityGroups'],
    list: true,
  },
  {
    name: 'awsAccount',
    text: 'number of the AWS account that it is deployed to',
    // Never guessed for the statement of the user's identity: a role of another account would sign in.
    usual: ({ cluster, auth }) => (auth === 'workload-identity' ? undefined : (placeIn(cluster).account ?? '')),
    refuse: matching(/^[0-9]{12}$/, '12 digits'),
  },
  {
    name: 'region',
    text: 'its region',
    usual: ({ cluster, brokers }) => placeIn(cluster).region ?? regionOf(brokers) ?? process.env['AWS_REGION'] ?? '',
    refuse: matching(/^[a-z]{2}(?:-[a-z]+)+-[0-9]$/, 'a region, such as eu-central-1'),
  },
];

/** Partition, region and account that an ARN names. */
export function placeIn(arn: string | undefined): { partition?: string; region?: string; account?: string } {
  const [, partition, , region, account] = arn?.split(':') ?? [];
  return { ...(partition && { partition }), ...(region && { region }), ...(account && { account }) };
}

function regionOf(brokers: string | undefined): string | undefined {
  return /\.([a-z]{2}(?:-[a-z]+)+-[0-9])\.amazonaws\./.exec(brokers ?? '')?.[1];
}

export function listOf(text: string): string[] {
  return text.split(',').flatMap((each) => each.trim() || []);
}

export function flagOf({ name }: Pick<Question, 'name'>): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function refuseTables(text: string): string | null {
  try {
    parseWanted(text);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}
