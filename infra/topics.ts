/** The topics, where the stack is asked to make them; those of a pattern are publish's to make, as its tables come. They outlive it: with it would go what consumers have not read yet. */
import { createHash } from 'node:crypto';
import { RemovalPolicy } from 'aws-cdk-lib';
import { CfnTopic } from 'aws-cdk-lib/aws-msk';
import type { Construct } from 'constructs';
import type { Infrastructure } from '../lambdas/config/load.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { topicsOf, type Topic } from './topic-list.ts';

export function topics(scope: Construct, config: ResolvedConfig, infrastructure: Infrastructure): void {
  const { topics: settings, cluster } = infrastructure;
  if (settings === undefined || cluster === undefined) return;
  const make = (id: string, topicName: string, partitionCount: number) => {
    const topic = new CfnTopic(scope, id, {
      clusterArn: cluster,
      topicName,
      partitionCount,
      replicationFactor: settings.replication,
      configs: Buffer.from(`min.insync.replicas=${settings.minInsync}\n`).toString('base64'),
    });
    topic.applyRemovalPolicy(RemovalPolicy.RETAIN);
  };
  for (const { kind, of, name, partitions } of topicsOf(config)) make(ID[kind](topicId(of)), name, partitions);
}

const ID: Record<Topic['kind'], (id: string) => string> = {
  records: (id) => id,
  schema: (id) => `Schema${id}`,
  progress: (id) => `Progress${id}`,
  deadLetter: (id) => `DeadLetter${id}`,
  control: () => 'ControlTopic',
};

/** Logical ids know letters and digits alone, names of sources and topics more. */
function topicId(name: string): string {
  return `Topic${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}
