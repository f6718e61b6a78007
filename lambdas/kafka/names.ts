/** What a source partition is called in Kafka. */
import { CODE } from './failures.ts';
import type { Api } from './requests.ts';

export type Names = {
  topic: string;
  controlTopic: string;
  /** The source partition: also the control topic's partition whose offset is the marker. */
  partition: number;
  group: string;
  transactionalId: string;
};

export function namesFor(app: string, source: string, partition: number, topic: string, controlTopic: string): Names {
  const group = `snowmelt:${app}:${source}`;
  return { topic, controlTopic, partition, group, transactionalId: `${group}:${partition}` };
}

/** The right whose absence makes a broker answer a request with this code. */
export function neededRight(names: Names, api: Api | 'Produce', code: number): string {
  if (code === CODE.groupUnauthorized) return `READ on group ${names.group}`;
  if (code === CODE.transactionalIdUnauthorized) return `WRITE on transactional id ${names.transactionalId}`;
  if (code === CODE.clusterUnauthorized) return 'IDEMPOTENT_WRITE on the cluster';
  const marker = api === 'OffsetFetch' || api === 'TxnOffsetCommit';
  return marker ? `READ on topic ${names.controlTopic}` : `WRITE on topic ${names.topic}`;
}
