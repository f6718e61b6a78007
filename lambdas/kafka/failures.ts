/** What the brokers and kafkajs throw, as errors with a code of the registry. No message holds a record or a secret. */
import protocolErrors from 'kafkajs/src/protocol/error.js';
import { SnowmeltError } from '../errors.ts';

/** A broker's answer to one request, by number: https://kafka.apache.org/protocol#protocol_error_codes */
export class BrokerError extends Error {
  readonly brokerCode: number;
  /** The right that the request needs, for the codes that say it is lacking. */
  readonly right: string;
  constructor(brokerCode: number, request: string, right = 'DESCRIBE on the cluster') {
    const known = protocolErrors.errorCodes.find((error) => error.code === brokerCode);
    super(`${request}: Kafka error ${brokerCode}${known ? ` ${known.type}` : ''}`);
    this.name = 'BrokerError';
    this.brokerCode = brokerCode;
    this.right = right;
  }
}

export const CODE = {
  offsetOutOfRange: 1,
  unknownTopic: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  messageTooLarge: 10,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  recordListTooLarge: 18,
  invalidTopic: 17,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  topicUnauthorized: 29,
  groupUnauthorized: 30,
  clusterUnauthorized: 31,
  topicExists: 36,
  invalidPartitions: 37,
  invalidReplicationFactor: 38,
  invalidConfig: 40,
  notController: 41,
  policyViolation: 44,
  invalidProducerEpoch: 47,
  concurrentTransactions: 51,
  transactionalIdUnauthorized: 53,
  storageError: 56,
  groupIdNotFound: 69,
  unstableOffsets: 88,
  producerFenced: 90,
} as const;

const UNAUTHORIZED = new Set<number>([
  CODE.topicUnauthorized,
  CODE.groupUnauthorized,
  CODE.clusterUnauthorized,
  CODE.transactionalIdUnauthorized,
]);
/** What passes by itself: leaders and coordinators that move, replicas that are away for a while. */
const PASSING = new Set<number>([
  CODE.leaderNotAvailable,
  CODE.notLeader,
  CODE.requestTimedOut,
  CODE.coordinatorLoading,
  CODE.coordinatorNotAvailable,
  CODE.notCoordinator,
  CODE.notController,
  CODE.notEnoughReplicas,
  CODE.notEnoughReplicasAfterAppend,
  CODE.concurrentTransactions,
  CODE.storageError,
  CODE.unstableOffsets,
]);
const FENCED = new Set<number>([CODE.invalidProducerEpoch, CODE.producerFenced]);
const TOO_LARGE = new Set<number>([CODE.messageTooLarge, CODE.recordListTooLarge]);
/** As the broker closes the connection, at once or with its first answer. */
const TLS_REFUSAL = /alert|certificate|SSL|EPROTO|ECONNRESET|closed/i;
const CONNECTION = /^KafkaJS(Connection|RequestTimeout|LockTimeout|NumberOfRetries|BrokerNotFound)/;

/** Whether the request may not have reached a broker, or its answer got lost: the outcome is unknown. */
export function isConnectionError(error: unknown): boolean {
  return error instanceof Error && CONNECTION.test(error.name);
}

function isSignInError(error: unknown): boolean {
  return error instanceof Error && (error.name === 'KafkaJSSASLAuthenticationError' || /SASL/i.test(error.message));
}

/** Whether a connection may have ended because of what was signed in with; a certificate's refusal is told by TLS alone. */
export function isRefusal(error: unknown, tls: boolean | { cert?: string }): boolean {
  const byCertificate = typeof tls === 'object' && tls.cert !== undefined;
  return isSignInError(error) || (byCertificate && error instanceof Error && TLS_REFUSAL.test(error.message));
}

/** The error as one of the registry; `doing` is put before what kafkajs says. */
export function asKafkaError(error: unknown, doing: string): SnowmeltError {
  if (error instanceof SnowmeltError) return error;
  if (error instanceof BrokerError) {
    const { brokerCode, message } = error;
    if (UNAUTHORIZED.has(brokerCode)) {
      return new SnowmeltError('KAFKA_UNAUTHORIZED', `${message}; needed: ${error.right}`, { cause: error });
    }
    if (FENCED.has(brokerCode)) return new SnowmeltError('KAFKA_FENCED', message, { cause: error });
    if (TOO_LARGE.has(brokerCode)) return new SnowmeltError('RECORD_TOO_LARGE', message, { cause: error });
    const code = PASSING.has(brokerCode) ? 'KAFKA_UNREACHABLE' : 'KAFKA_FAILED';
    return new SnowmeltError(code, message, { cause: error });
  }
  const name = error instanceof Error ? error.name : 'Error';
  const text = error instanceof Error ? error.message : String(error);
  // A refused sign-in: kafkajs' text may repeat what was sent.
  if (isSignInError(error)) {
    return new SnowmeltError('KAFKA_UNREACHABLE', `${doing}: the broker refused the sign-in`);
  }
  if (isConnectionError(error)) return new SnowmeltError('KAFKA_UNREACHABLE', `${doing}: ${text}`, { cause: error });
  return new SnowmeltError('KAFKA_FAILED', `${doing}: ${name}: ${text}`, { cause: error });
}
