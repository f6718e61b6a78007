/** What Describe Configs answers: the values that exactly once rests on, and those the broker acts by. */
import type { Broker } from './broker.ts';
import type { Topic } from './topics.ts';

/** A value, and whether it was set on the resource itself. */
export type ConfigValue = { value: string; isSet: boolean };

export function topicConfigs(broker: Broker, topic: Topic): Map<string, ConfigValue> {
  const values = new Map<string, ConfigValue>();
  const defaults: Record<string, string> = {
    'cleanup.policy': 'delete',
    'compression.type': 'producer',
    'max.message.bytes': String(broker.options.maxMessageBytes),
    'message.timestamp.after.max.ms': String(broker.options.messageTimestampAfterMaxMs),
    'min.insync.replicas': brokerConfigs(broker).get('min.insync.replicas')?.value ?? '1',
    'retention.bytes': '-1',
    'retention.ms': '604800000',
    'unclean.leader.election.enable': 'false',
  };
  for (const [name, value] of Object.entries(defaults)) values.set(name, { value, isSet: false });
  for (const [name, value] of topic.configs) values.set(name, { value, isSet: true });
  return values;
}

export function brokerConfigs(broker: Broker): Map<string, ConfigValue> {
  const { options } = broker;
  const values: Record<string, string> = {
    'auto.create.topics.enable': String(options.autoCreateTopics),
    'default.replication.factor': '1',
    'log.message.timestamp.after.max.ms': String(options.messageTimestampAfterMaxMs),
    'message.max.bytes': String(options.maxMessageBytes),
    'min.insync.replicas': '1',
    'num.partitions': String(options.numPartitions),
    'offset.metadata.max.bytes': String(options.offsetMetadataMaxChars),
    'offsets.retention.minutes': String(Math.round(options.offsetsRetentionMs / 60_000)),
    'transaction.max.timeout.ms': String(options.transactionMaxTimeoutMs),
    'transactional.id.expiration.ms': String(options.transactionalIdExpirationMs),
    'unclean.leader.election.enable': 'false',
    ...options.brokerConfigs,
  };
  return new Map(
    Object.entries(values).map(([name, value]) => [name, { value, isSet: name in options.brokerConfigs }]),
  );
}

/** A number that a topic sets for itself, else the broker's. */
export function topicNumber(topic: Topic, name: string, otherwise: number): number {
  const value = topic.configs.get(name);
  return value === undefined ? otherwise : Number(value);
}
