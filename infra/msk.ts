/** What MSK's IAM must allow, out of the same rights that kafka-acls.ts renders to ACLs. No CDK: strings in, strings out. */
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { kafkaRights, type KafkaRight, type KafkaUser } from './kafka-rights.ts';
import type { Statement } from './statements.ts';

/** AWS names what Kafka calls an operation on a kind of resource. */
const ACTIONS: Record<string, string[]> = {
  'cluster IdempotentWrite': ['WriteDataIdempotently'],
  'cluster DescribeConfigs': ['DescribeClusterDynamicConfiguration'],
  'topic Create': ['CreateTopic'],
  'topic Describe': ['DescribeTopic'],
  'topic DescribeConfigs': ['DescribeTopicDynamicConfiguration'],
  'topic Read': ['ReadData'],
  'topic Write': ['WriteData'],
  'group Read': ['AlterGroup', 'DescribeGroup'],
  'transactional-id Describe': ['DescribeTransactionalId'],
  'transactional-id Write': ['AlterTransactionalId'],
};

/** A managed policy takes 6,144 characters. */
const MOST_TOPICS = 25;

/** `cluster` is its ARN; the wildcards are the resources with `*` in them; `user` as in kafka-rights.ts. */
export function mskStatements(
  config: ResolvedConfig,
  cluster: string,
  user: KafkaUser,
): { statements: Statement[]; wildcards: string[] } {
  const merged = new Map<string, { actions: Set<string>; resources: Set<string> }>();
  for (const right of coarse(kafkaRights(config, user))) {
    const of = merged.get(`${right.kind} ${right.operations.join()}`) ?? { actions: new Set(), resources: new Set() };
    for (const operation of right.operations) {
      for (const action of ACTIONS[`${right.kind} ${operation}`]!) of.actions.add(`kafka-cluster:${action}`);
    }
    if (right.kind === 'cluster') of.actions.add('kafka-cluster:Connect');
    of.resources.add(resourceArn(cluster, right));
    merged.set(`${right.kind} ${right.operations.join()}`, of);
  }
  const statements = [...merged.values()].map(({ actions, resources }) => ({
    actions: [...actions].sort(),
    resources: [...resources].sort(),
  }));
  const wildcards = statements.flatMap(({ resources }) => resources).filter((arn) => arn.includes('*'));
  return { statements, wildcards };
}

/** Of many topics, all: a policy can't name them. What a pattern makes goes by how its names begin. */
function coarse(rights: KafkaRight[]): KafkaRight[] {
  const topics = rights.filter(({ kind, prefix }) => kind === 'topic' && !prefix);
  if (topics.length <= MOST_TOPICS) return rights;
  const operations = [...new Set(topics.flatMap((right) => right.operations))];
  return [...rights.filter((right) => !topics.includes(right)), { kind: 'topic', name: '', prefix: true, operations }];
}

function resourceArn(cluster: string, { kind, name, prefix }: KafkaRight): string {
  if (kind === 'cluster') return cluster;
  return `${cluster.replace(':cluster/', `:${kind}/`)}/${name}${prefix ? '*' : ''}`;
}
