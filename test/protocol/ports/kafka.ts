/** Kafka's port in memory: epochs, markers and visible records, as strict as the protocol leans on them. */
import type { Inspection, Kafka, KafkaProducer, Marker, OpenRequest } from '../../../lambdas/protocol/ports/kafka.ts';
import { type Fault, calm } from './basics.ts';

export type Published = { partition: number; key: string; value: string | null; committed: boolean };

/** Kafka: per source partition an epoch (the last InitProducerId wins), a marker, and the visible log. */
export class MemoryKafka implements Kafka {
  readonly log: { key: string; value: string | null; topic: string }[] = [];
  readonly lanes = new Map<string, { epoch: number; marker: Marker | null }>();
  clusterId = 'cluster-1';
  fault: Fault = calm;
  roomFor = 5;

  lane(source: string, partition: number) {
    const key = `${source}/${partition}`;
    const lane = this.lanes.get(key) ?? { epoch: 0, marker: null };
    this.lanes.set(key, lane);
    return lane;
  }
  async open(request: OpenRequest): Promise<KafkaProducer> {
    this.fault('open', 'before');
    const lane = this.lane(request.source, request.partition);
    const exactlyOnce = request.delivery === 'exactly-once';
    const epoch = exactlyOnce ? ++lane.epoch : lane.epoch;
    this.fault('open', 'after');
    let buffered: { key: string; value: string | null; topic: string }[] = [];
    let failed: Error | null = null;
    const check = () => {
      if (failed !== null) throw failed;
    };
    const { log, fault, roomFor } = this;
    const producer: KafkaProducer = {
      clusterId: this.clusterId,
      marker: exactlyOnce && request.adopt !== true ? lane.marker : null,
      get pending() {
        return buffered.length;
      },
      end: null,
      transactionSince: null,
      append(bytes, keyStart, keyEnd, valueStart, valueEnd) {
        check();
        const text = (a: number, b: number) => Buffer.from(bytes.subarray(a, b)).toString();
        buffered.push({
          topic: request.topic,
          key: text(keyStart, keyEnd),
          value: valueStart < 0 ? null : text(valueStart, valueEnd),
        });
        return buffered.length % roomFor !== 0;
      },
      broadcast(bytes, keyStart, keyEnd, valueStart, valueEnd, window, row) {
        producer.append(bytes, keyStart, keyEnd, valueStart, valueEnd, window, row);
      },
      tell({ key, value }) {
        check();
        const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
        buffered.push({ topic: request.progress!.topic, key: text(key), value: text(value) });
      },
      letterBytes: 1_000,
      bury({ key, value }) {
        check();
        const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
        buffered.push({ topic: request.deadLetters!.topic, key: text(key), value: text(value) });
        return buffered.length % roomFor !== 0;
      },
      async ready() {
        check();
        fault('send', 'before');
      },
      async commit(marker) {
        check();
        try {
          fault('commit', 'before');
          if (exactlyOnce && lane.epoch !== epoch) throw new Error('47 INVALID_PRODUCER_EPOCH');
          log.push(...buffered);
          if (exactlyOnce) lane.marker = { ...structuredClone(marker), sent: null };
          buffered = [];
          fault('commit', 'after');
        } catch (error) {
          failed = error as Error;
          throw error;
        }
      },
      async close() {},
    };
    return producer;
  }
  async inspect(request: { source: string; partitions: number; topic: string }): Promise<Inspection> {
    const markers = Array.from({ length: request.partitions }, (_, partition) => {
      const { marker } = this.lane(request.source, partition);
      return marker === null ? null : { marker };
    });
    return { clusterId: this.clusterId, topicPartitions: 3, ends: [], controlPartitions: request.partitions, markers };
  }
  async facts() {
    return {
      topic: { minInsyncReplicas: 2, replication: 3, uncleanElection: false, compacted: false },
      offsetsRetentionMs: null,
    };
  }
  async close() {}
}
