/** The topics that a configuration needs. No CDK: made by the stack (topics.ts) or by hand (`npx snowmelt init`). */
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';

/** `of`: what the topic stays the same by: its source's name, else its own. */
export type Topic = {
  kind: 'records' | 'schema' | 'progress' | 'control';
  of: string;
  name: string;
  partitions: number;
};

export function topicsOf({ sources, kafka }: Pick<ResolvedConfig, 'sources' | 'kafka'>): Topic[] {
  const told = (kind: 'schema' | 'progress'): Topic[] => {
    const topics = sources.flatMap((source) => source[`${kind}Topic`] ?? []);
    const distinct = new Map(topics.map(({ name, partitions }) => [name, partitions] as const));
    return [...distinct].map(([name, partitions]) => ({ kind, of: name, name, partitions }));
  };
  return [
    ...sources.map(({ name, topic, topicPartitions }): Topic => ({
      kind: 'records',
      of: name,
      name: topic,
      partitions: topicPartitions,
    })),
    ...told('schema'),
    ...told('progress'),
    // No record is ever written to it: positions are committed offsets that go by its partitions.
    {
      kind: 'control',
      of: kafka.controlTopic,
      name: kafka.controlTopic,
      partitions: Math.max(...sources.map(({ partitions }) => partitions)),
    },
  ];
}
