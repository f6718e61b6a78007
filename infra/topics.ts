/** The topics, where the stack is asked to make them; those of a pattern are publish's to make, as its tables come. They outlive it: with it would go what consumers have not read yet. */
import { createHash } from 'node:crypto';
import { RemovalPolicy } from 'aws-cdk-lib';
import { CfnTopic } from 'aws-cdk-lib/aws-msk';
import type { Construct } from 'constructs';
import type { Infrastructure } from '../lambdas/config/load.ts';
import { allSettings } from '../lambdas/config/patterns.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';

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
  for (const source of config.sources) make(topicId(source.name), source.topic, source.topicPartitions);
  const told = (name: 'schemaTopic' | 'progressTopic' | 'deadLetterTopic') =>
    new Map(
      allSettings(config).flatMap(({ [name]: topic }) => (topic ? [[topic.name, topic.partitions] as const] : [])),
    );
  for (const [name, partitions] of told('schemaTopic')) make(`Schema${topicId(name)}`, name, partitions);
  for (const [name, partitions] of told('progressTopic')) make(`Progress${topicId(name)}`, name, partitions);
  for (const [name, partitions] of told('deadLetterTopic')) make(`DeadLetter${topicId(name)}`, name, partitions);
  // No record is ever written to it: positions are committed offsets that go by its partitions.
  make('ControlTopic', config.kafka.controlTopic, Math.max(...allSettings(config).map(({ partitions }) => partitions)));
}

/** Logical ids know letters and digits alone, names of sources and topics more. */
function topicId(name: string): string {
  return `Topic${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}
