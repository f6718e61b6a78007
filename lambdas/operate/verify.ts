/**
 * Whether a topic is the table: the topic's records up to a window, folded by key as its consumers fold them, against the
 * table's rows at that window's end. The rows come as every snapshot's do and are encoded as they would be sent; a hash of each
 * row, taken from the record's own fields, is what is compared; Avro and Protobuf are compared by the texts of their cells.
 * Nothing is written, in Kafka, Snowflake or the checkpoint table.
 */
import type { ResolvedSource } from '../config/resolved.ts';
import { cellText } from '../encoding/decoded.ts';
import { keyCells } from '../encoding/image.ts';
import type { KeyReader, ValueReader } from '../encoding/reader.ts';
import { SnowmeltError } from '../errors.ts';
import { mustLook, refused } from '../protocol/operate.ts';
import { finishedThrough } from '../protocol/past.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { Kafka, RecordVisitor, TopicReader, TopicRecord } from '../protocol/ports/kafka.ts';
import type { Encoders } from '../protocol/ports/records.ts';
import type { SourceState } from '../protocol/ports/state.ts';
import { beginsAnew, EXTRA_CELLS, type Column, type Window } from '../protocol/window.ts';
import { Differing, type Repair } from './differing.ts';
import { digest, FoldedTopic, idOf, MOST_KEYS, type Place } from './folded-topic.ts';
import { keyColumnsOf } from './keys.ts';
import { left, scan, tooLong, type ScanPorts } from './scan.ts';

type Readers = { keys: KeyReader; values: ValueReader };

/** `encoders` make plain JSON of what is Avro or Protobuf; `readers`: of the topic's formats. */
export type VerifyPorts = ScanPorts & {
  checkpoints: Checkpoints;
  kafka: Kafka & TopicReader;
  encoders: Encoders;
  readers: (columns: readonly Column[], key: readonly string[]) => Readers;
};

/** `window`: null is the newest that is wholly published; `repair`: the keys that differ are listed for a repair. */
export type VerifyOptions = { window: number | null; showKeys: boolean; repair?: boolean };

/** `id`: the first characters of the key's hash; `key` only where keys are asked for; `at`: the record that counts. */
export type Difference = { id: string; key?: string; at?: string };
/** The first of them. */
export type Differences = { count: number; first: Difference[] };

export type Verified = {
  source: string;
  topic: string;
  window: number;
  to: string;
  /** Of the table at `to`. */
  rows: number;
  /** Of the folded topic. */
  keys: number;
  records: number;
  /** In the table, not in the topic. */
  missing: Differences;
  /** In the topic, not in the table. */
  extra: Differences;
  altered: Differences;
  /** Records that this source does not write. */
  foreign: Differences;
  /** Retention has deleted the beginning of the topic: what was there counts as missing. */
  cutOff: boolean;
  /** Where it was asked for. */
  repair?: Repair;
};

const MOST_SHOWN = 100;

/** @throws OPERATION_REFUSED where topic and table can't be compared, or not by this */
export async function verify(ports: VerifyPorts, source: ResolvedSource, options: VerifyOptions): Promise<Verified> {
  refuseUnfit(source);
  const { checkpoints, snowflake, kafka, clock } = ports;
  const state = await mustLook(checkpoints, source.name);
  const window = await windowFor(checkpoints, source.name, state, options.window);
  const layout = state.layouts.get(window.layout);
  if (layout === undefined) throw refused(`Layout ${window.layout} of ${source.name} is not kept any more.`);
  const { topic: name } = layout;
  if (window.number < finishedThrough(state) && (await kafka.facts(name)).topic.compacted === true)
    throw refused(`${name} is compacted: what it had at window ${window.number} may be gone. Leave --window out.`);
  const facts = await snowflake.describe(layout.object);
  if (facts.createdOn !== window.createdOn)
    throw refused(`The table was replaced since window ${window.number}: what it was then can't be read any more.`);
  const columns = snowflake.columns(layout, facts.columns);
  const { to } = window;
  const request = { kind: 'snapshot', layout, columns: facts.columns, from: null, to } as const;
  const table = await scan(ports, source.name, snowflake.statement(request), 'verify');
  if (table.totalRows > MOST_KEYS)
    throw refused(`The table has ${table.totalRows} rows; up to ${MOST_KEYS} can be compared.`);

  const readers = ports.readers(columns, layout.key);
  const findings = new Findings(name, readers.keys, options.showKeys);
  const differing = options.repair === true ? new Differing(keyColumnsOf(layout, columns)) : null;
  const topic = new FoldedTopic(source.delivery === 'at-least-once');
  let shown = 0;
  const deadline = Date.now() + left(clock);
  const take = (record: TopicRecord) => fold(topic, readers, record, window.number, findings);
  const extents = await kafka.records({ topic: name, deadline }, (record) => {
    shown++;
    // A schema that was not met before.
    const missing = missingFor(readers, record);
    return missing === undefined ? void take(record) : missing.then(() => take(record));
  });

  const encoder = await ports.encoders.forWindow({ ...window, kind: 'repair', columns }, layout, 0);
  const cells = keyCells(columns, layout.key);
  const width = columns.length + EXTRA_CELLS.count;
  for await (const batch of snowflake.read(table.queryId, 0, table.totalRows, width)) {
    for (let row = 0; row < batch.rows; row++) {
      encoder.encode('r', null, 0, batch, row, 1);
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = encoder;
      const keyBytes = bytes.subarray(keyStart, keyEnd);
      const key = digest(readers.keys.identityOfRow(keyBytes, batch, row));
      const image = readers.values.imageOfRow(bytes, valueStart, valueEnd, batch, row);
      const found = topic.compare(key, digest(image));
      if (found === 'twice')
        throw new SnowmeltError('DUPLICATE_KEY', `The table has key ${idOf(key)} in more than one row.`);
      if (found === 'same') continue;
      findings.add(found, key, Buffer.from(keyBytes).toString(), topic.placeOf(key));
      differing?.add(cells.map((cell) => cellText(batch, row, cell)));
    }
    if (left(clock) <= 0) throw tooLong('comparison');
  }
  await addExtra(kafka, topic, findings, differing, { showKeys: options.showKeys, deadline });
  return {
    source: source.name,
    topic: name,
    window: window.number,
    to,
    rows: table.totalRows,
    keys: topic.keys,
    records: shown,
    ...findings.found,
    cutOff: extents.some(({ begin }) => begin > 0),
    ...(differing !== null && { repair: await differing.stage(ports, source.name, layout.key) }),
  };
}

/** What makes a topic something else than the table, by its configuration. */
function refuseUnfit({ name, query, stream, information, key, shape, snapshot }: ResolvedSource): void {
  const reasons: [boolean, string][] = [
    [query !== undefined, 'it reads a query, whose result at that time is not kept'],
    [stream !== undefined, 'it reads a stream, which was consumed'],
    [key.length === 0, 'it has no key to fold by'],
    [information === 'APPEND_ONLY', 'it is append-only: updates and deletes are not in its topic'],
    [snapshot?.mode === 'never', 'it began without a snapshot: rows that never changed are not in its topic'],
    [(shape?.skip.length ?? 0) > 0, `changes are skipped: ${shape?.skip.join(', ')}`],
  ];
  const found = reasons.find(([applies]) => applies);
  if (found !== undefined) throw refused(`The topic of ${name} can't be held against the table: ${found[1]}.`);
}

/** The window at whose end both are compared: wholly published, and nothing that makes up for an earlier one is still to come. */
async function windowFor(
  checkpoints: Checkpoints,
  name: string,
  state: SourceState,
  asked: number | null,
): Promise<Window> {
  const newest = finishedThrough(state);
  if (newest === 0) throw refused(`Nothing of ${name} is wholly published yet.`);
  const number = asked ?? newest;
  if (number > newest)
    throw refused(`Window ${number} of ${name} is not wholly published; the newest that is: ${newest}.`);
  const repair = state.windows.find((each) => each.number > newest && each.request !== null);
  if (repair !== undefined)
    throw refused(`Window ${repair.number}, a ${repair.kind} that was asked for, is not wholly published yet.`);
  const [window] = await checkpoints.windows(name, number, number);
  if (window === undefined) throw refused(`Window ${number} of ${name} is not kept any more.`);
  if (beginsAnew(window)) throw refused(`${name} begins anew: its snapshot is not wholly published yet.`);
  return window;
}

function missingFor({ keys, values }: Readers, record: TopicRecord): Promise<void> | undefined {
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = record;
  const key = keyStart < 0 ? undefined : keys.missing(bytes, keyStart, keyEnd);
  const value = valueStart < 0 ? undefined : values.missing(bytes, valueStart, valueEnd);
  return key === undefined ? value : key.then(() => value);
}

function fold(
  topic: FoldedTopic,
  { keys, values }: Readers,
  { topicPartition, offset, bytes, keyStart, keyEnd, valueStart, valueEnd }: TopicRecord,
  upTo: number,
  findings: Findings,
): void {
  const key = digest(keyStart < 0 ? '' : keys.identity(bytes, keyStart, keyEnd));
  if (valueStart < 0) return topic.tombstone(key, topicPartition);
  const read = values.read(bytes, valueStart, valueEnd);
  const { op, window, row, image } = read ?? { op: '', window: 0, row: 0, image: null };
  const place = { topicPartition, offset, window, row };
  const isRow = op === 'c' || op === 'u' || op === 'r';
  if (read === null || keyStart < 0 || (isRow ? image === null : op !== 'd' && op !== 't'))
    return findings.add('foreign', key, findings.keyOf(bytes, Math.max(0, keyStart), Math.max(0, keyEnd)), place);
  if (window > upTo) return topic.later(key);
  if (op === 't') return topic.empty(topicPartition, window);
  topic.put(key, isRow ? digest(image!) : null, place);
}

/** No row tells the key of an extra record: it is read again where keys are asked for. */
async function addExtra(
  kafka: TopicReader,
  topic: FoldedTopic,
  findings: Findings,
  differing: Differing | null,
  { showKeys, deadline }: { showKeys: boolean; deadline: number },
): Promise<void> {
  const { count, places } = topic.extra(differing === null ? MOST_SHOWN : differing.most);
  const wanted = differing === null && !showKeys ? [] : places;
  const keys = await keysAt(kafka, findings.topic, wanted, deadline);
  for (const [at, { key, ...place }] of places.entries()) {
    const bytes = keys[at] ?? Buffer.alloc(0);
    findings.add('extra', key, findings.keyOf(bytes, 0, bytes.length), place);
    differing?.add(findings.keys.texts(bytes, 0, bytes.length));
  }
  findings.found.extra.count = count;
  if (differing !== null && count > places.length) differing.tooMany(count - places.length);
}

/** The keys of records: a few are read one by one, of many the topic as a whole. */
async function keysAt(kafka: TopicReader, topic: string, places: Place[], deadline: number): Promise<Buffer[]> {
  const found: Buffer[] = [];
  const wanted = new Map(places.map(({ topicPartition, offset }, at) => [`${topicPartition}@${offset}`, at]));
  const take: RecordVisitor = ({ topicPartition, offset, bytes, keyStart, keyEnd }) => {
    const at = wanted.get(`${topicPartition}@${offset}`);
    if (at !== undefined) found[at] = Buffer.from(bytes.subarray(keyStart, keyEnd));
    return undefined;
  };
  if (places.length > MOST_SHOWN) {
    await kafka.records({ topic, deadline }, take);
    return found;
  }
  for (const { topicPartition, offset } of places)
    await kafka.records({ topic, only: { topicPartition, offset }, deadline }, take);
  return found;
}

class Findings {
  readonly topic: string;
  readonly keys: KeyReader;
  readonly found = { missing: nothing(), extra: nothing(), altered: nothing(), foreign: nothing() };
  readonly #showKeys: boolean;

  constructor(topic: string, keys: KeyReader, showKeys: boolean) {
    this.topic = topic;
    this.keys = keys;
    this.#showKeys = showKeys;
  }

  keyOf(bytes: Uint8Array, start: number, end: number): string {
    return this.#showKeys ? this.keys.show(bytes, start, end) : '';
  }

  add(
    kind: 'missing' | 'extra' | 'altered' | 'foreign',
    key: Buffer,
    shown: string,
    place: { topicPartition: number; offset: number } | null,
  ): void {
    const { first } = this.found[kind];
    if (++this.found[kind].count > MOST_SHOWN) return;
    first.push({
      id: idOf(key),
      ...(this.#showKeys && { key: shown }),
      ...(place !== null && { at: `${this.topic}-${place.topicPartition}@${place.offset}` }),
    });
  }
}

function nothing(): Differences {
  return { count: 0, first: [] };
}
