/** What is kept of a topic tells committed from aborted. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { expect, test } from 'vitest';
import { startBroker } from '../../local/kafka/client.ts';
import { keepLog } from './logs.ts';

test('each batch and how its transaction was decided', async () => {
  const broker = await startBroker();
  const folder = mkdtempSync(join(tmpdir(), 'snowmelt-logs-'));
  try {
    const kafka = new Kafka({ brokers: broker.brokers, clientId: 'logs', logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 't', numPartitions: 1 }] });
    await admin.disconnect();
    const producer = kafka.producer({ transactionalId: 'x', maxInFlightRequests: 1 });
    await producer.connect();
    for (const end of ['commit', 'abort'] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: 't', messages: [{ value: 'a' }, { value: 'b' }] });
      await transaction[end]();
    }
    await producer.disconnect();
    await keepLog(broker.brokers, 't', 1, join(folder, 'log'));
    const lines = readFileSync(join(folder, 'log'), 'utf8').trim().split('\n');
    const kept = lines.map((line) => JSON.parse(line) as object);
    expect(kept).toMatchObject([
      { partition: 0, aborted: { firstOffset: 3 } },
      { offset: 0, what: 'records', records: 2 },
      { offset: 2, what: 'commit' },
      { offset: 3, what: 'records', records: 2 },
      { offset: 5, what: 'abort' },
    ]);
  } finally {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
