/**
 * Produce v7 for one batch of one topicPartition. The request is written before the batch, into its headroom, and goes to
 * the socket as it stands there: no copy. kafkajs' connection carries it (sign-in, correlation, timeouts, throttling).
 */
import produceResponse from 'kafkajs/src/protocol/requests/produce/v7/response.js';
import type { RawReply } from 'kafkajs/src/network/connectionPool.js';
import { SnowmeltError } from '../errors.ts';
import type { Connections } from './connections.ts';
import { connectionOf, type Link } from './link.ts';
import { isConnectionError } from './failures.ts';
import type { RecordBatch } from './record-batch.ts';

const API = { apiKey: 0, apiName: 'Produce', apiVersion: 7 };
const CORRELATION = 8;
const ALL_REPLICAS = -1;

/**
 * The constant part of the requests of one producer: size, key, version, correlation id, client id, transactional id,
 * acks, timeout, one topic, one partition, size of its batch. What differs per request is 0.
 */
export function requestHead(
  clientId: string,
  transactionalId: string | null,
  topic: string,
  timeoutMs: number,
): Buffer {
  const parts = [
    int32(0),
    int16(API.apiKey),
    int16(API.apiVersion),
    int32(0),
    text(clientId),
    transactionalId === null ? int16(-1) : text(transactionalId),
    int16(ALL_REPLICAS),
    int32(timeoutMs),
    int32(1),
    text(topic),
    int32(1),
    int32(0),
    int32(0),
  ];
  return Buffer.concat(parts);
}

/** Puts the request around a sealed batch whose headroom is `head.length`. */
export function frame(head: Buffer, batch: RecordBatch, partition: number): Buffer {
  const { bytes, end } = batch;
  head.copy(bytes, 0);
  bytes.writeInt32BE(end - 4, 0);
  bytes.writeInt32BE(partition, head.length - 8);
  bytes.writeInt32BE(batch.size, head.length - 4);
  return bytes.subarray(0, end);
}

/**
 * Sends a frame and answers the partition's error code and the offset of the batch's first record. The frame's bytes must stand still until then.
 * @throws kafkajs' connection errors: whether the batch arrived is unknown, and the connection is dropped
 */
export async function produce(
  connections: Connections,
  link: Link,
  request: Buffer,
  topic: string,
  partition: number,
): Promise<{ code: number; baseOffset: number }> {
  try {
    const connection = connectionOf(link);
    if (!connection.isAuthenticated()) await connection.authenticate();
    const correlationId = connection.nextCorrelationId();
    request.writeInt32BE(correlationId, CORRELATION);
    const { payload } = await new Promise<RawReply>((resolve, reject) => {
      connection.requestQueue.push({
        entry: { ...API, correlationId, resolve, reject },
        expectResponse: true,
        requestTimeout: null,
        sendRequest: () => void connection.socket.write(request),
      });
    });
    const reply = await produceResponse.decode(payload);
    connection.requestQueue.maybeThrottle(reply.clientSideThrottleTime);
    const [answered] = reply.topics;
    const [result] = answered?.partitions ?? [];
    if (
      reply.topics.length !== 1 ||
      answered?.topicName !== topic ||
      answered.partitions.length !== 1 ||
      result?.partition !== partition
    ) {
      throw new SnowmeltError('KAFKA_FAILED', `Produce to ${topic}-${partition}: the answer is for something else`);
    }
    return { code: result.errorCode, baseOffset: Number(result.baseOffset) };
  } catch (error) {
    if (isConnectionError(error)) connections.drop(link);
    throw error;
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}
