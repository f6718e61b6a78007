/**
 * The brokers that a `*.kafka.test.ts` runs on: those of KAFKA_BROKERS, else the stand-in. With KAFKA_SIGNED_IN, their
 * addresses for users, the product signs in and may do what it was granted, nothing else.
 */
import { randomUUID } from 'node:crypto';
import { startBroker } from '../../local/kafka/client.ts';
import type { LocalBroker } from '../../local/kafka/client.ts';
import type { BrokerOptions } from '../../local/kafka/options.ts';
import { createAcls } from './acls.ts';
import { SUPER_USER } from './properties.ts';

/** True when the suite runs on brokers it did not start: no faults, no clock. For `describe.skipIf`. */
export const onApacheKafka = (process.env['KAFKA_BROKERS'] ?? '') !== '';
/** True when those brokers refuse what was not granted. */
export const withAcls = onApacheKafka && (process.env['KAFKA_SIGNED_IN'] ?? '') !== '';

/** As whom the product signs in, and users who lack one of its rights each. */
export const PRODUCT = 'snowmelt';
export const LACKING = Array.from({ length: 12 }, (_, i) => `lacking${String(i)}`);
export const USERS = [PRODUCT, ...LACKING];

export type Login = { username: string; password: string };

export type KafkaTarget = {
  brokers: string[];
  /** Where and as whom the product signs in; null where nobody has to. */
  product: { brokers: string[]; login: Login } | null;
  /** For clients beside the product at `product.brokers`. */
  others: (Login & { mechanism: 'plain' }) | undefined;
  /** The stand-in, to place faults; null on Apache Kafka. */
  local: LocalBroker | null;
  /** Adds rights, in the words of infra/kafka-acls.ts; they hold when it resolves. Nothing where nobody signs in. */
  grant(acls: readonly string[]): Promise<void>;
  stop(): Promise<void>;
};

/** `options` are for the stand-in only. */
export async function startKafkaTarget(options: Partial<BrokerOptions> = {}): Promise<KafkaTarget> {
  const nothing = () => Promise.resolve();
  const open = { product: null, others: undefined, grant: nothing };
  if (!onApacheKafka) {
    const local = await startBroker(options);
    return { ...open, brokers: local.brokers, local, stop: () => local.stop() };
  }
  const brokers = process.env['KAFKA_BROKERS']!.split(',');
  if (!withAcls) return { ...open, brokers, local: null, stop: nothing };
  return {
    brokers,
    product: { brokers: process.env['KAFKA_SIGNED_IN']!.split(','), login: loginOf(PRODUCT) },
    others: { mechanism: 'plain', ...loginOf(SUPER_USER) },
    local: null,
    grant: (acls) => createAcls(brokers, acls),
    stop: nothing,
  };
}

/** A user's name is its password. */
export function loginOf(user: string): Login {
  return { username: user, password: user };
}

/** A name no other test uses: the brokers of KAFKA_BROKERS are shared. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 13)}`;
}
