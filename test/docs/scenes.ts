/** What happened before a command of a transcript, by the name that its page gives it (`<!-- scene: name -->`). */
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { readCommitted } from '../kafka/consumer.ts';
import { TABLE, TOPIC, type Stage } from './stage.ts';

const ticks = (stage: Stage, count = 3) => stage.pipeline.run(count);

async function change(stage: Stage, ...statements: string[]): Promise<void> {
  await stage.stands.sql(...statements.map((statement) => statement.replace('$T', TABLE)));
  await stage.stands.passMinutes(1);
}

const someChanges = (stage: Stage) =>
  change(
    stage,
    `UPDATE $T SET STATUS = 'paid' WHERE ORDER_ID IN (2, 3)`,
    `INSERT INTO $T VALUES (9, 'new')`,
    `DELETE FROM $T WHERE ORDER_ID = 4`,
  );

async function published(stage: Stage): Promise<void> {
  await stage.deploy();
  await stage.stands.passMinutes(1);
  await ticks(stage);
}

/** Puts records into the topic that no source wrote. */
async function plant(stage: Stage): Promise<void> {
  const committed = await readCommitted(stage.stands.kafka.target.brokers, TOPIC);
  const records = committed.map(({ key, value, partition }) => ({ key, value, partition }));
  const of = (id: number) => records.findLast(({ key }) => key === `{"ORDER_ID":"${id}"}`)!;
  const [missing, altered] = [of(5), of(6)];
  const kafka = new Kafka({ brokers: stage.stands.kafka.target.brokers, logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  const messages = [
    { ...missing, value: null },
    { ...altered, value: altered.value!.replace('new', 'lost') },
    {
      ...altered,
      key: '{"ORDER_ID":"77"}',
      value: altered.value!.replaceAll(/("ORDER_ID":"?)6/g, (_, begin: string) => `${begin}77`),
    },
  ];
  await producer.send({ topic: TOPIC, messages });
  await producer.disconnect();
}

const LETTERS = `${TOPIC}.deadletters`;

async function allowBytes(stage: Stage, bytes: number): Promise<void> {
  const configEntries = [{ name: 'max.message.bytes', value: `${bytes}` }];
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: TOPIC, configEntries }];
  await stage.stands.kafka.admin.alterConfigs({ validateOnly: false, resources });
}

/** With a topic for dead letters, and one for records that takes no such row. */
async function tooLarge(stage: Stage): Promise<void> {
  const { source, config } = stage.pipeline;
  if (source.deadLetterTopic === undefined) {
    await stage.makeTopic(LETTERS, 1);
    await stage.stands.kafka.grant([LETTERS]);
    Object.assign(source, { deadLetterTopic: { name: LETTERS, partitions: 1 } });
    Object.assign(config, { deployment: config.deployment + 1 });
    stage.redeploy();
  }
  await allowBytes(stage, 4_096);
  await change(stage, `UPDATE $T SET STATUS = STATUS || '${'x'.repeat(5_000)}' WHERE ORDER_ID = 5`);
}

export const SCENES: Record<string, (stage: Stage) => Promise<void>> = {
  deployed: (stage) => stage.deploy(),
  published,
  'some changes': someChanges,
  ticks: (stage) => ticks(stage),
  'the topic has grown': async (stage) => {
    await stage.stands.kafka.grow(TOPIC, 6);
    await someChanges(stage);
    await ticks(stage);
  },
  'its six partitions are deployed': async (stage) => {
    const { source, config } = stage.pipeline;
    Object.assign(source, { topicPartitions: 6 });
    Object.assign(config, { deployment: config.deployment + 1 });
    stage.redeploy();
    await ticks(stage);
  },
  'neither topic nor tracking': async (stage) => {
    await stage.stands.kafka.admin.deleteTopics({ topics: [TOPIC] });
    await stage.stands.sql(`ALTER TABLE ${TABLE} SET CHANGE_TRACKING = FALSE`);
  },
  'records were planted': plant,
  'a status is too large for the topic': tooLarge,
  'the topic takes larger records': (stage) => allowBytes(stage, 1_048_576),
  'a file of keys': async (stage) => stage.write('keys.csv', 'ORDER_ID\n2\n4\n'),
  'the group was deleted': async (stage) => {
    await stage.stands.kafka.admin.deleteGroups(['snowmelt:shop:orders']);
    await someChanges(stage);
    await ticks(stage);
  },
  'a key came twice': async (stage) => {
    await change(stage, `INSERT INTO $T VALUES (9, 'new'), (9, 'paid')`);
    await ticks(stage);
  },
  'one of the two was deleted': async (stage) => {
    await change(stage, `DELETE FROM $T WHERE ORDER_ID = 9 AND STATUS = 'new'`);
    await ticks(stage);
  },
};
