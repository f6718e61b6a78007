/**
 * Bytes -> acknowledged, 50,000 records a transaction: node publish.ts <snowmelt|kafkajs|raw> <broker> <topic> <control topic> <records>
 * Values of about 580 bytes, keys of 17.
 */
import { Kafka, logLevel } from 'kafkajs';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { createKafka } from '../../lambdas/kafka/client.ts';
import { RecordBatch } from '../../lambdas/kafka/record-batch.ts';
import { KafkaConnection } from '../../local/kafka/requests.ts';
import { measure } from './meter.ts';

const [sink = '', broker = '', topic = '', controlTopic = '', count = ''] = process.argv.slice(2);
const records = Number(count);
const TRANSACTION = 50_000;
const PARTITIONS = 6;
/** What suits kafkajs best: more in a send are slower, quadratically from 2,000 on. */
const KAFKAJS_RECORDS = 500;
const BATCH_BYTES = 900_000;

const value = Buffer.from(`{"before":null,"after":{"text":"${'payload '.repeat(66)}"},"op":"c"}`);
const key = (n: number) => `{"ID":"${1_000_000_000 + n}"}`;

const sinks: Record<string, () => Promise<number>> = { snowmelt, kafkajs, raw };
await measure(async () => ({ rows: records, bytes: await sinks[sink]!() }));

async function snowmelt(): Promise<number> {
  const kafka = createKafka(
    {
      app: 'bench',
      kafka: {
        brokers: [broker],
        tls: false,
        auth: { method: 'none' },
        controlTopic,
        transactionTimeoutMs: 60_000,
        requestTimeoutMs: 30_000,
        compression: 'none',
        maxBatchBytes: BATCH_BYTES,
      },
    } as unknown as ResolvedConfig,
    null,
  );
  const producer = await kafka.open({
    source: topic,
    partition: 0,
    topic,
    topicPartitions: PARTITIONS,
    newestTopicPartitions: PARTITIONS,
    partitions: 1,
    delivery: 'exactly-once',
  });
  const record = Buffer.alloc(64 + value.length);
  let bytes = 0;
  let committing: Promise<void> = Promise.resolve();
  for (let n = 0; n < records; n++) {
    const keyEnd = record.write(key(n));
    value.copy(record, keyEnd);
    const room = producer.append(record, 0, keyEnd, keyEnd, keyEnd + value.length, 1, n + 1);
    bytes += keyEnd + value.length;
    if (!room) await producer.ready();
    if ((n + 1) % TRANSACTION !== 0 && n + 1 < records) continue;
    await committing;
    const position = { window: 1, row: n + 1 };
    committing = producer.commit({ position, incarnation: 'i', digest: 'd', to: 't', last: 'l', at: Date.now() });
  }
  await committing;
  await kafka.close();
  return bytes;
}

/** As its documentation shows it, with the settings that make it fastest. */
async function kafkajs(): Promise<number> {
  const kafka = new Kafka({ clientId: 'bench', brokers: [broker], logLevel: logLevel.NOTHING });
  const producer = kafka.producer({
    transactionalId: topic,
    maxInFlightRequests: 1,
    retry: { initialRetryTime: 20, retries: 100 },
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition!,
  });
  await producer.connect();
  let bytes = 0;
  for (let n = 0; n < records;) {
    const transaction = await producer.transaction();
    for (const end = Math.min(records, n + TRANSACTION); n < end;) {
      const partition = ((n / KAFKAJS_RECORDS) % PARTITIONS) | 0;
      const messages = [];
      for (const last = Math.min(end, n + KAFKAJS_RECORDS); n < last; n++)
        messages.push({ key: key(n), value, partition });
      await transaction.send({ topic, messages });
      bytes += messages.length * (value.length + key(0).length);
    }
    await transaction.sendOffsets({
      consumerGroupId: topic,
      topics: [{ topic: controlTopic, partitions: [{ partition: 0, offset: String(n) }] }],
    });
    await transaction.commit();
  }
  await producer.disconnect();
  return bytes;
}

/** One finished batch again and again, two requests on their way: no transaction, no sequence, nothing encoded. */
async function raw(): Promise<number> {
  using connection = await KafkaConnection.open(broker, { clientId: 'raw' });
  const batch = new RecordBatch(BATCH_BYTES, 0, 'positioned');
  const source = Buffer.concat([Buffer.from(key(0)), value]);
  const keyEnd = key(0).length;
  while (batch.append(source, 0, keyEnd, keyEnd, source.length, 1, 1));
  batch.seal({ producerId: -1n, producerEpoch: -1, sequence: -1, time: Date.now() });
  const bytes = Buffer.from(batch.bytes.subarray(batch.start, batch.end));
  const send = async (partition: number) => {
    const reply = await connection.request(0, 7, (writer) => {
      writer.string(null).int16(-1).int32(30_000);
      writer.array([topic], (name) =>
        writer.string(name).array([partition], (one) => writer.int32(one).int32(bytes.length).reference(bytes)),
      );
    });
    reply.array(() => {
      reply.string();
      reply.array(() => {
        reply.int32();
        const code = reply.int16();
        if (code !== 0) throw new Error(`Produce: ${code}`);
      });
    });
  };
  let sent = 0;
  const lane = async (partition: number) => {
    while (sent < records) {
      sent += batch.records;
      await send(partition);
    }
  };
  await Promise.all([lane(0), lane(1)]);
  return records * source.length;
}
