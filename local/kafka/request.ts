/** The header every request has, and what can be told of a request without answering it. */
import type { Facts } from './api.ts';
import type { Api } from './api.ts';
import { APIS } from './apis/table.ts';
import { Reader } from './wire.ts';

export type RequestHeader = {
  key: number;
  version: number;
  correlationId: number;
  clientId: string;
  /** Null for a type or version that the broker does not serve. */
  api: Api | null;
  /** At the body's first byte. */
  body: Reader;
};

/** A request as faults, events and the proxy's hooks see it. */
export type SeenRequest = Facts & {
  /** The type's name in Kafka's protocol: `Produce`, `EndTxn` ... */
  api: string;
  version: number;
  clientId: string;
  /** Counts the connections since the start. */
  connection: number;
};

export type RequestMatch = {
  api?: string | string[];
  clientId?: string;
  transactionalId?: string;
  group?: string;
  topic?: string;
  partition?: number;
  /** EndTxn only. */
  commit?: boolean;
};

export function readRequestHeader(frame: Buffer): RequestHeader {
  const reader = new Reader(frame);
  const key = reader.int16();
  const version = reader.int16();
  const correlationId = reader.int32();
  const clientId = reader.string();
  const known = APIS.get(key);
  const api = known !== undefined && version >= known.versions[0] && version <= known.versions[1] ? known : null;
  if (api !== null && version >= api.flexibleFrom) reader.tags();
  return { key, version, correlationId, clientId, api, body: reader };
}

export function requestName(header: RequestHeader): string {
  return header.api?.name ?? APIS.get(header.key)?.name ?? `api ${String(header.key)}`;
}

/** True if the request has all that `match` names; a topic and a partition must be met by the same one. */
export function matches(match: RequestMatch, request: SeenRequest): boolean {
  if (match.api !== undefined && ![match.api].flat().includes(request.api)) return false;
  if (match.clientId !== undefined && match.clientId !== request.clientId) return false;
  if (match.transactionalId !== undefined && match.transactionalId !== request.transactionalId) return false;
  if (match.group !== undefined && match.group !== request.group) return false;
  if (match.commit !== undefined && match.commit !== request.commit) return false;
  if (match.topic === undefined && match.partition === undefined) return true;
  return (request.topicPartitions ?? []).some(
    ({ topic, partition }) =>
      (match.topic === undefined || match.topic === topic) &&
      (match.partition === undefined || match.partition === partition),
  );
}
