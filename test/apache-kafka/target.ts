/** The brokers that a `*.kafka.test.ts` runs on: those of KAFKA_BROKERS, else the stand-in. */
import { randomUUID } from 'node:crypto';
import { startBroker } from '../../local/kafka/client.ts';
import type { LocalBroker } from '../../local/kafka/client.ts';
import type { BrokerOptions } from '../../local/kafka/options.ts';

/** True when the suite runs on brokers it did not start: no faults, no clock. For `describe.skipIf`. */
export const onApacheKafka = (process.env['KAFKA_BROKERS'] ?? '') !== '';

export type KafkaTarget = {
  brokers: string[];
  /** The stand-in, to place faults; null on Apache Kafka. */
  local: LocalBroker | null;
  stop(): Promise<void>;
};

/** `options` are for the stand-in only. */
export async function startKafkaTarget(options: Partial<BrokerOptions> = {}): Promise<KafkaTarget> {
  if (onApacheKafka) {
    return { brokers: process.env['KAFKA_BROKERS']!.split(','), local: null, stop: () => Promise.resolve() };
  }
  const local = await startBroker(options);
  return { brokers: local.brokers, local, stop: () => local.stop() };
}

/** A name no other test uses: the brokers of KAFKA_BROKERS are shared. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 13)}`;
}
