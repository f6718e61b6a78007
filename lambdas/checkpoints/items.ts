/**
 * Items of the table and the types they hold. Scalars that conditions compare or that change on their own are attributes;
 * what is written once or replaced whole (a window's body, sightings, a running scan) is one JSON text.
 *
 * Every item carries `v`. A greater one than this release knows is never read as if it were understood.
 */
import { SnowmeltError } from '../errors.ts';
import type { DeadRows } from '../protocol/ports/kafka.ts';
import type {
  AuditEntry,
  Meta,
  PartitionItem,
  PendingScan,
  Sighting,
  StoredError,
  Told,
  WindowRequest,
} from '../protocol/ports/state.ts';
import { formatPosition, parsePosition, type Position } from '../protocol/position.ts';
import type { Layout, Rerun, Window } from '../protocol/window.ts';
import type { Item, Key } from './table.ts';

/** The greatest `v` that this release reads, and the one it writes. */
export const VERSION = 1;

export const keys = {
  meta: (source: string): Key => ({ pk: `source#${source}`, sk: 'meta' }),
  layout: (source: string, number: number): Key => ({ pk: `source#${source}`, sk: `layout#${number}` }),
  window: (source: string, number: number): Key => ({ pk: `source#${source}`, sk: windowKey(number) }),
  partition: (source: string, number: number): Key => ({ pk: `source#${source}`, sk: `partition#${pad(number, 4)}` }),
  member: (pattern: string, table: string): Key => ({ pk: `pattern#${pattern}`, sk: `table#${table}` }),
  listing: (pattern: string): Key => ({ pk: `pattern#${pattern}`, sk: 'listing' }),
  audit: (source: string, at: number): Key => ({ pk: `source#${source}`, sk: `audit#${new Date(at).toISOString()}` }),
};

export function windowKey(number: number): string {
  return `window#${pad(number, 12)}`;
}

/** The number in the sort key of a window. */
export function windowNumber(item: Item): number {
  return Number(requireText(item, 'sk').slice('window#'.length));
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, '0');
}

// ---------------------------------------------------------------- values

export const text = (value: string) => ({ S: value });
export const number = (value: number) => ({ N: String(value) });
export const flag = (value: boolean) => ({ BOOL: value });
export const json = (value: unknown) => ({ S: JSON.stringify(value) });
/** DynamoDB keeps 38 digits, so the 64-bit form is exact, and compares as positions do. */
export const positionValue = (position: Position) => ({ N: formatPosition(position) });

type Marked = PartitionItem['marked'];

export function markedValue(marked: NonNullable<Marked>) {
  return { M: { position: positionValue(marked.position), at: number(marked.at) } };
}

export function deadValue({ window, rows, last }: DeadRows) {
  return { M: { window: number(window), rows: number(rows), last: number(last) } };
}

// ---------------------------------------------------------------- encoding

/** The part of a window that is written once. */
type WindowBody = Omit<Window, 'number' | 'to' | 'queryId' | 'queriedAt' | 'rerun' | 'void'>;

export function windowItem(window: Window): Item {
  const { number: _, to, queryId, queriedAt, rerun: _rerun, void: isVoid, ...body } = window;
  return {
    v: number(VERSION),
    to: text(to),
    queryId: text(queryId),
    queriedAt: text(queriedAt),
    void: flag(isVoid),
    body: json(body satisfies WindowBody),
  };
}

export function layoutItem(layout: Layout): Item {
  return { v: number(VERSION), body: json(layout) };
}

export function metaItem(meta: Meta): Item {
  return {
    v: number(VERSION),
    incarnation: text(meta.incarnation),
    sightings: json(meta.sightings),
    finishedThrough: number(meta.finishedThrough),
    recountedThrough: number(meta.recountedThrough),
    paused: flag(meta.paused),
    ...(meta.clusterId !== null && { clusterId: text(meta.clusterId) }),
    ...(meta.consuming && { consuming: number(meta.consuming) }),
    ...(meta.copies && { copies: json(meta.copies) }),
    ...(meta.scan !== null && { scan: json(meta.scan) }),
    ...(meta.request !== null && requestAttributes(meta.request)),
    ...(meta.retentionMs !== null && { retentionMs: number(meta.retentionMs) }),
    ...(meta.truncatedAt && { truncatedAt: number(meta.truncatedAt) }),
    ...(meta.caughtUpAt !== null && { caughtUpAt: number(meta.caughtUpAt) }),
    ...(meta.lastError !== null && { lastError: json(meta.lastError) }),
    ...(meta.told && { told: json(meta.told) }),
  };
}

/** The id apart from the rest: conditions compare it. */
export function requestAttributes(request: WindowRequest) {
  return { requestId: text(request.id), request: json(request) };
}

/** A partition before anything was published for it. */
export function newPartitionItem(): Item {
  return {
    v: number(VERSION),
    epoch: number(0),
    leaseUntil: number(0),
    state: text('active'),
    failures: number(0),
  };
}

// ---------------------------------------------------------------- decoding: STATE_TOO_NEW, STATE_DISAGREES

export function readWindow(item: Item): Window {
  checkVersion(item);
  const rerun = optionalJson<Rerun>(item, 'rerun');
  return {
    number: windowNumber(item),
    to: requireText(item, 'to'),
    queryId: requireText(item, 'queryId'),
    queriedAt: requireText(item, 'queriedAt'),
    ...(rerun !== null && { rerun }),
    void: requireFlag(item, 'void'),
    ...requireJson<WindowBody>(item, 'body'),
  };
}

export function readLayout(item: Item): Layout {
  checkVersion(item);
  return requireJson<Layout>(item, 'body');
}

export function readMeta(item: Item): Meta {
  checkVersion(item);
  return {
    incarnation: requireText(item, 'incarnation'),
    clusterId: item['clusterId']?.S ?? null,
    sightings: requireJson<Sighting[]>(item, 'sightings'),
    scan: readScan(item),
    request: optionalJson<WindowRequest>(item, 'request'),
    finishedThrough: requireNumber(item, 'finishedThrough'),
    recountedThrough: optionalNumber(item, 'recountedThrough') ?? 0,
    ...(item['consuming'] !== undefined && { consuming: optionalNumber(item, 'consuming') }),
    ...(item['copies'] !== undefined && { copies: requireJson<NonNullable<Meta['copies']>>(item, 'copies') }),
    paused: requireFlag(item, 'paused'),
    retentionMs: optionalNumber(item, 'retentionMs'),
    ...(item['truncatedAt'] !== undefined && { truncatedAt: optionalNumber(item, 'truncatedAt') }),
    caughtUpAt: optionalNumber(item, 'caughtUpAt'),
    lastError: optionalJson<StoredError>(item, 'lastError'),
    ...(item['told'] !== undefined && { told: requireJson<Told>(item, 'told') }),
  };
}

export function readAudit(item: Item): AuditEntry {
  checkVersion(item);
  return requireJson<AuditEntry>(item, 'body');
}

function readScan(item: Item): PendingScan | null {
  const scan = optionalJson<PendingScan>(item, 'scan');
  return scan === null ? null : { ...scan, request: scan.request ?? null };
}

export function readPartition(item: Item): PartitionItem {
  checkVersion(item);
  const state = requireText(item, 'state');
  if (state !== 'active' && state !== 'needs-operator') throw malformed(item, 'state');
  return {
    partition: Number(requireText(item, 'sk').slice('partition#'.length)),
    epoch: requireNumber(item, 'epoch'),
    owner: item['owner']?.S ?? null,
    leaseUntil: requireNumber(item, 'leaseUntil'),
    position: item['position'] === undefined ? null : readPosition(item, item['position'].N),
    marked: readMarked(item),
    open: optionalNumber(item, 'open'),
    state,
    lastSuccessAt: optionalNumber(item, 'lastSuccessAt'),
    lastError: optionalJson<StoredError>(item, 'lastError'),
    failures: requireNumber(item, 'failures'),
    ...(item['dead'] !== undefined && { dead: readDead(item) }),
    ...(item['dealtWith'] !== undefined && { dealtWith: readPosition(item, item['dealtWith'].N) }),
  };
}

function readDead(item: Item): DeadRows {
  const dead = item['dead']?.M;
  if (dead === undefined) throw malformed(item, 'dead');
  const of = { ...item, ...dead };
  return { window: requireNumber(of, 'window'), rows: requireNumber(of, 'rows'), last: requireNumber(of, 'last') };
}

function readMarked(item: Item): Marked {
  const marked = item['marked']?.M;
  if (marked === undefined) return null;
  return { position: readPosition(item, marked['position']?.N), at: requireNumber({ ...item, ...marked }, 'at') };
}

function readPosition(item: Item, digits: string | undefined): Position {
  try {
    return parsePosition(digits ?? '');
  } catch {
    throw malformed(item, 'position');
  }
}

export function checkVersion(item: Item): void {
  const version = requireNumber(item, 'v');
  if (version <= VERSION) return;
  throw new SnowmeltError(
    'STATE_TOO_NEW',
    `${describe(item)} has format ${version}; this release knows ${VERSION} at most.`,
  );
}

export function requireText(item: Item, name: string): string {
  const value = item[name]?.S;
  if (value === undefined) throw malformed(item, name);
  return value;
}

function requireFlag(item: Item, name: string): boolean {
  const value = item[name]?.BOOL;
  if (value === undefined) throw malformed(item, name);
  return value;
}

export function requireNumber(item: Item, name: string): number {
  const value = optionalNumber(item, name);
  if (value === null) throw malformed(item, name);
  return value;
}

function optionalNumber(item: Item, name: string): number | null {
  const value = item[name];
  if (value === undefined) return null;
  const parsed = Number(value.N ?? NaN);
  if (!Number.isSafeInteger(parsed)) throw malformed(item, name);
  return parsed;
}

export function requireJson<T>(item: Item, name: string): T {
  const value = optionalJson<T>(item, name);
  if (value === null) throw malformed(item, name);
  return value;
}

function optionalJson<T>(item: Item, name: string): T | null {
  const value = item[name];
  if (value === undefined) return null;
  try {
    return JSON.parse(value.S ?? '') as T;
  } catch {
    throw malformed(item, name);
  }
}

function malformed(item: Item, name: string): SnowmeltError {
  return new SnowmeltError('STATE_DISAGREES', `${describe(item)} was changed by hand: \`${name}\` is not readable.`);
}

function describe(item: Item): string {
  return `Item ${item['pk']?.S ?? '?'} ${item['sk']?.S ?? '?'} of the checkpoint table`;
}
