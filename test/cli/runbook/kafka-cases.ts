/** Codes whose cause is in Kafka. */
import { ConfigResourceTypes } from 'kafkajs';
import type { Pipeline } from '../../faults/pipeline.ts';
import { commitOffset } from '../../kafka/consumer.ts';
import { uniqueName } from '../../apache-kafka/target.ts';
import type { Case } from './follow.ts';
import type { Stage } from './stage.ts';

const groupOf = (pipeline: Pipeline) => `snowmelt:${pipeline.config.app}:${pipeline.source.name}`;
/** Rows of both partitions. */
export const UPDATE = `UPDATE $T SET NAME = 'x' WHERE ID IN (1, 3)`;

/** The marker of partition 0 as it stands, to be put back. */
async function markerOf(stage: Stage, pipeline: Pipeline) {
  const group = groupOf(pipeline);
  const topic = stage.stands.kafka.controlTopic;
  const { offset, metadata } = await stage.withAdmin(async (admin) => {
    const offsets = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    return offsets[0]!.partitions.find(({ partition }) => partition === 0)!;
  });
  return { group, topic, partition: 0, offset, metadata: metadata ?? '' };
}

/** Signs the marker of partition 0 as a release writes it whose format has that number. */
async function signAs(stage: Stage, pipeline: Pipeline, v: number): Promise<void> {
  const marker = await markerOf(stage, pipeline);
  const metadata = JSON.stringify({ ...(JSON.parse(marker.metadata) as object), v });
  await commitOffset(stage.stands.kafka.target.brokers, { ...marker, metadata });
}

function setTopic(stage: Stage, { source }: Pipeline, name: string, value: string): Promise<unknown> {
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: source.topic, configEntries: [{ name, value }] }];
  return stage.withAdmin((admin) => admin.alterConfigs({ validateOnly: false, resources }));
}

export const KAFKA_CASES: readonly Case[] = [
  {
    code: 'TOPIC_DIFFERS',
    what: 'the topic has grown',
    drive: async (stage) => {
      const pipeline = await stage.published();
      await stage.stands.kafka.grow(pipeline.source.topic, 5);
      await stage.change(pipeline, UPDATE);
      return pipeline;
    },
    edit: ({ source }) => void Object.assign(source, { topicPartitions: 5 }),
  },
  {
    code: 'TOPIC_UNSAFE',
    what: 'the leader alone acknowledges',
    drive: async (stage) => {
      const topic = uniqueName('unsafe');
      const configEntries = [{ name: 'min.insync.replicas', value: '1' }];
      await stage.withAdmin((admin) =>
        admin.createTopics({
          topics: [{ topic, numPartitions: 3, replicationFactor: 3, configEntries }],
          waitForLeaders: true,
        }),
      );
      const pipeline = await stage.made({ source: { topic }, kafka: { topicChecks: 'strict' } });
      await pipeline.run(3);
      return pipeline;
    },
    mend: (stage, pipeline) => setTopic(stage, pipeline, 'min.insync.replicas', '2'),
  },
  {
    code: 'RECORD_TOO_LARGE',
    what: 'a row outgrew the topic',
    drive: async (stage) => {
      const pipeline = await stage.published();
      await setTopic(stage, pipeline, 'max.message.bytes', '1500');
      await stage.change(pipeline, `UPDATE $T SET NAME = '${'x'.repeat(3_000)}' WHERE ID IN (1, 3)`);
      return pipeline;
    },
    mend: (stage, pipeline) => setTopic(stage, pipeline, 'max.message.bytes', '1000000'),
  },
  {
    code: 'MARKER_EXPIRED',
    what: 'the group of the markers was deleted',
    ways: ['store', 'anew'],
    drive: async (stage) => {
      const pipeline = await stage.published();
      await stage.withAdmin((admin) => admin.deleteGroups([groupOf(pipeline)]));
      await stage.change(pipeline, UPDATE);
      return pipeline;
    },
  },
  {
    code: 'TOPIC_LOST_DATA',
    what: 'the topic was deleted and made anew',
    ways: ['anew'],
    drive: async (stage) => {
      const pipeline = await stage.published();
      const { topic, topicPartitions } = pipeline.source;
      await stage.withAdmin(async (admin) => {
        await admin.deleteTopics({ topics: [topic] });
        await admin.createTopics({ topics: [{ topic, numPartitions: topicPartitions }], waitForLeaders: true });
      });
      await stage.change(pipeline, UPDATE);
      return pipeline;
    },
  },
  {
    code: 'KAFKA_LOST_DATA',
    what: 'the cluster went back to an older marker',
    ways: ['marker', 'anew'],
    drive: async (stage) => {
      const pipeline = await stage.published({ source: { partitions: 1 } });
      await stage.change(pipeline, `UPDATE $T SET NAME = 'w' WHERE ID = 2`);
      await pipeline.run(2);
      const marker = await markerOf(stage, pipeline);
      await stage.change(pipeline, UPDATE);
      await pipeline.run(2);
      await commitOffset(stage.stands.kafka.target.brokers, marker);
      await stage.change(pipeline, `UPDATE $T SET NAME = 'y' WHERE ID = 2`);
      return pipeline;
    },
  },
  {
    code: 'STATE_TOO_NEW',
    what: 'a newer release signed the marker; that release then takes it back to this format',
    drive: async (stage) => {
      const pipeline = await stage.published({ source: { partitions: 1 } });
      await signAs(stage, pipeline, 99);
      await stage.change(pipeline, UPDATE);
      return pipeline;
    },
    mend: (stage, pipeline) => signAs(stage, pipeline, 1),
  },
];
