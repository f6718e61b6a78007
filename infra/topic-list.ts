/** The topics that a configuration needs. No CDK: made by the stack (topics.ts) or by hand (`npx snowmelt init`). */
import { allSettings } from '../lambdas/config/patterns.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';

/** `of`: what the topic stays the same by: its source's name, else its own. */
export type Topic = {
  kind: 'records' | 'schema' | 'progress' | 'deadLetter' | 'control';
  of: string;
  name: string;
  partitions: number;
};

/** All but those of the tables that a pattern finds: they are made when they are needed. */
export function topicsOf(config: Pick<ResolvedConfig, 'sources' | 'patterns' | 'kafka'>): Topic[] {
  const { sources, kafka } = config;
  const told = (kind: 'schema' | 'progress' | 'deadLetter'): Topic[] => {
    const topics = allSettings(config).flatMap((source) => source[`${kind}Topic`] ?? []);
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
    ...told('deadLetter'),
    // No record is ever written to it: positions are committed offsets that go by its partitions.
    {
      kind: 'control',
      of: kafka.controlTopic,
      name: kafka.controlTopic,
      partitions: Math.max(...allSettings(config).map(({ partitions }) => partitions)),
    },
  ];
}
