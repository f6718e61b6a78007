/** `meta`: one item a source, put once, then updated attribute by attribute. */
import { SnowmeltError } from '../errors.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { Meta, Told, WindowRequest } from '../protocol/ports/state.ts';
import {
  clusterIsUnknownOr,
  consumingNotBeyond,
  finishedThroughNotBeyond,
  noOtherRequest,
  requestIs,
  requireAll,
  toldIs,
} from './conditions.ts';
import { assign } from './expressions.ts';
import { flag, json, keys, metaItem, number, readMeta, requestAttributes, text } from './items.ts';
import type { Table } from './table.ts';

export type MetaChange = Parameters<Checkpoints['updateMeta']>[1];

export async function readSourceMeta(table: Table, source: string): Promise<Meta | null> {
  const item = await table.get(keys.meta(source));
  return item === null ? null : readMeta(item);
}

export async function createMeta(table: Table, source: string, meta: Meta): Promise<void> {
  await table.putNew(keys.meta(source), metaItem(meta));
}

/**
 * Answers `meta` as it stands afterwards. A `finishedThrough` or `consuming` that is behind, or a `clusterId` that another
 * wrote first, is left out and the rest written all the same.
 */
export async function updateMeta(table: Table, source: string, change: MetaChange): Promise<Meta> {
  const written = await attempt(table, source, change);
  if (written !== null) return written;
  const standing = await readSourceMeta(table, source);
  if (standing === null) throw new SnowmeltError('STATE_DISAGREES', `Source ${source}: its meta item is missing.`);
  const { finishedThrough, consuming, clusterId, ...rest } = change;
  const left = {
    ...rest,
    ...(finishedThrough !== undefined && finishedThrough > standing.finishedThrough && { finishedThrough }),
    ...(consuming && consuming > (standing.consuming ?? 0) && { consuming }),
    ...(standing.clusterId === null && clusterId && { clusterId }),
  };
  // It holds now unless another let one grow meanwhile; each only moves one way, so this ends.
  return Object.keys(left).length === 0 ? standing : updateMeta(table, source, left);
}

async function attempt(table: Table, source: string, change: MetaChange): Promise<Meta | null> {
  const {
    sightings,
    scan,
    finishedThrough,
    consuming,
    copies,
    recountedThrough,
    paused,
    retentionMs,
    truncatedAt,
    caughtUpAt,
    lastError,
    clusterId,
  } = change;
  const update = assign({
    ...(sightings !== undefined && { sightings: json(sightings) }),
    ...(scan !== undefined && { scan: scan === null ? null : json(scan) }),
    ...(finishedThrough !== undefined && { finishedThrough: number(finishedThrough) }),
    ...(consuming && { consuming: number(consuming) }),
    ...(copies !== undefined && { copies: copies === null ? null : json(copies) }),
    ...(recountedThrough !== undefined && { recountedThrough: number(recountedThrough) }),
    ...(paused !== undefined && { paused: flag(paused) }),
    ...(retentionMs !== undefined && { retentionMs: retentionMs === null ? null : number(retentionMs) }),
    ...(truncatedAt && { truncatedAt: number(truncatedAt) }),
    ...(caughtUpAt !== undefined && { caughtUpAt: caughtUpAt === null ? null : number(caughtUpAt) }),
    ...(lastError !== undefined && { lastError: lastError === null ? null : json(lastError) }),
    ...(clusterId && { clusterId: text(clusterId) }),
  });
  if (update.text === '') return readSourceMeta(table, source);
  const conditions = [
    ...(finishedThrough === undefined ? [] : [finishedThroughNotBeyond(finishedThrough)]),
    ...(consuming ? [consumingNotBeyond(consuming)] : []),
    ...(clusterId ? [clusterIsUnknownOr(clusterId)] : []),
  ];
  const item = await table.update(keys.meta(source), update, requireAll(...conditions));
  return item === null ? null : readMeta(item);
}

/** False: another request stands. */
export async function putRequest(table: Table, source: string, request: WindowRequest): Promise<boolean> {
  const condition = requireAll(noOtherRequest(request.id));
  return (await table.update(keys.meta(source), assign(requestAttributes(request)), condition)) !== null;
}

/** A request that is gone, or another one, is left as it is. */
export async function settleRequest(table: Table, source: string, id: string): Promise<void> {
  await table.update(keys.meta(source), assign({ requestId: null, request: null }), requireAll(requestIs(id)));
}

/** True also for its own repetition. */
export async function noteTold(table: Table, source: string, previous: Told | null, next: Told): Promise<boolean> {
  const update = assign({ told: json(next) });
  if ((await table.update(keys.meta(source), update, requireAll(toldIs(previous)))) !== null) return true;
  const standing = await readSourceMeta(table, source);
  return JSON.stringify(standing?.told) === JSON.stringify(next);
}

/** An operator's: whatever stood there. `window` is the first that counts; nothing runs and nothing is asked for any more. */
export async function restartMeta(
  table: Table,
  source: string,
  life: { incarnation: string; clusterId: string; finishedThrough: number },
): Promise<void> {
  const update = assign({
    incarnation: text(life.incarnation),
    clusterId: text(life.clusterId),
    finishedThrough: number(life.finishedThrough),
    recountedThrough: number(life.finishedThrough),
    sightings: json([]),
    caughtUpAt: null,
    consuming: null,
    copies: null,
    scan: null,
    requestId: null,
    request: null,
    lastError: null,
  });
  if ((await table.update(keys.meta(source), update, requireAll())) === null) {
    throw new SnowmeltError('STATE_DISAGREES', `Source ${source}: its meta item is missing.`);
  }
}
