/** What publish and operate need of Kafka, in Kafka's own words: the source of ACLs and of MSK's IAM policies. */
import type { ResolvedConfig, ResolvedPattern, ResolvedSource } from '../lambdas/config/resolved.ts';

export type Operation = 'Create' | 'Read' | 'Write' | 'Describe' | 'DescribeConfigs' | 'IdempotentWrite';
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
  sources: ({ topic: string } & Told)[];
  patterns?: (Pick<ResolvedPattern, 'topicPrefix'> & { source: Told })[];
};
type Told = Pick<ResolvedSource, 'schemaTopic' | 'progressTopic' | 'deadLetterTopic'>;

/**
/**
 * Who signs in: operate reads the topics' records, too, for `verify` and `deadletters`; publish makes the topics of patterns.
 * With ACLs it is one principal that does both.
 */
export type KafkaUser = 'publish' | 'operate' | 'both';

export function kafkaRights({ app, kafka, sources, patterns = [] }: KafkaUse, user: KafkaUser): KafkaRight[] {
  const reads = user !== 'publish';
  const nameOf = (topic: { name: string } | undefined) => (topic === undefined ? [] : [topic.name]);
  const all = [...sources, ...patterns.map(({ source }) => source)];
  const letters = all.flatMap(({ deadLetterTopic }) => nameOf(deadLetterTopic));
  const read = new Set([...sources.map(({ topic }) => topic), ...letters]);
  const told = all.flatMap(({ schemaTopic, progressTopic }) => [...nameOf(schemaTopic), ...nameOf(progressTopic)]);
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
    ...patterns.map(({ topicPrefix }): KafkaRight => ({
      kind: 'topic',
      name: topicPrefix,
      prefix: true,
      operations: [
        ...(user === 'operate' ? [] : (['Create'] as const)),
        'Describe',
        'DescribeConfigs',
        ...(reads ? (['Read'] as const) : []),
        'Write',
      ],
    })),
    { kind: 'group', ...own, operations: ['Read'] },
    { kind: 'transactional-id', ...own, operations: ['Describe', 'Write'] },
  ];
}
