/** What publish and operate need of Kafka, in Kafka's own words: the source of ACLs and of MSK's IAM policies. */
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';

export type Operation = 'Read' | 'Write' | 'Describe' | 'DescribeConfigs' | 'IdempotentWrite';
export type KafkaRight = {
  kind: 'cluster' | 'topic' | 'group' | 'transactional-id';
  name: string;
  /** Whether `name` is how names begin. */
  prefix: boolean;
  operations: Operation[];
};

/** What the rights depend on. */
export type KafkaUse = {
  app: string;
  kafka: Pick<ResolvedConfig['kafka'], 'controlTopic'>;
  sources: Pick<ResolvedSource, 'topic' | 'schemaTopic' | 'progressTopic' | 'deadLetterTopic'>[];
};

/**
 * `reads`: whether records of the topics are read, too: operate does, for `verify` and for `deadletters`. With ACLs it is
 * publish's principal.
 */
export function kafkaRights({ app, kafka, sources }: KafkaUse, reads: boolean): KafkaRight[] {
  const nameOf = (topic: { name: string } | undefined) => (topic === undefined ? [] : [topic.name]);
  const read = new Set(sources.flatMap(({ topic, deadLetterTopic }) => [topic, ...nameOf(deadLetterTopic)]));
  const told = sources.flatMap(({ schemaTopic, progressTopic }) => [...nameOf(schemaTopic), ...nameOf(progressTopic)]);
  const own = { name: `snowmelt:${app}:`, prefix: true };
  return [
    // DescribeConfigs shows settings that exactly once rests on; without it give them in the configuration.
    { kind: 'cluster', name: 'kafka-cluster', prefix: false, operations: ['IdempotentWrite', 'DescribeConfigs'] },
    // The marker is an offset of the control topic: it is committed and fetched, no record is ever read or written.
    { kind: 'topic', name: kafka.controlTopic, prefix: false, operations: ['Describe', 'Read'] },
    ...[...new Set([...read, ...told])].sort().map((name): KafkaRight => ({
      kind: 'topic',
      name,
      prefix: false,
      operations: ['Describe', 'DescribeConfigs', ...(reads && read.has(name) ? (['Read'] as const) : []), 'Write'],
    })),
    { kind: 'group', ...own, operations: ['Read'] },
    { kind: 'transactional-id', ...own, operations: ['Describe', 'Write'] },
  ];
}
