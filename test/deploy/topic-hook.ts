/** What AWS::MSK::Topic does: `topic-hook.ts create|delete '<properties>'` on the brokers in TOPIC_BROKERS. */
import { Kafka, logLevel } from 'kafkajs';

type Properties = { TopicName: string; PartitionCount: string | number; Configs?: string };

const [verb, json] = process.argv.slice(2) as [string, string];
const { TopicName: topic, PartitionCount, Configs } = JSON.parse(json) as Properties;
const configEntries = Buffer.from(Configs ?? '', 'base64')
  .toString()
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => ({ name: line.slice(0, line.indexOf('=')), value: line.slice(line.indexOf('=') + 1) }));

const brokers = process.env['TOPIC_BROKERS']!.split(',');
const admin = new Kafka({ brokers, clientId: 'topics', logLevel: logLevel.NOTHING }).admin();
await admin.connect();
try {
  const made = { topic, numPartitions: Number(PartitionCount), replicationFactor: 1, configEntries };
  if (verb === 'create') await admin.createTopics({ waitForLeaders: true, topics: [made] });
  else await admin.deleteTopics({ topics: [topic] });
} finally {
  await admin.disconnect();
}
