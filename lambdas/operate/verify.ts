/**
 * Whether a topic is the table: the topic's records up to a window, folded by key as its consumers fold them, against the
 * table's rows at that window's end. The rows come as every snapshot's do and are encoded as they would be sent; a hash of each
 * row, taken from the record's own fields, is what is compared. Nothing is written, in Kafka, Snowflake or the checkpoint table.
 */
import type { ResolvedSource } from '../config/resolved.ts';
import { JsonRecords } from '../encoding/read-back.ts';
import { SnowmeltError } from '../errors.ts';
import { mustLook, refused } from '../protocol/operate.ts';
import { finishedThrough } from '../protocol/past.ts';
import type { Checkpoints, Encoders, Kafka, SourceState, TopicReader, TopicRecord } from '../protocol/ports.ts';
import { beginsAnew, EXTRA_CELLS, type Window } from '../protocol/window.ts';
import { digest, FoldedTopic, idOf, MOST_KEYS } from './folded-topic.ts';
import { left, scan, tooLong, type ScanPorts } from './scan.ts';

export type VerifyPorts = ScanPorts & { checkpoints: Checkpoints; kafka: Kafka & TopicReader; encoders: Encoders };

/** `window`: null is the newest that is wholly published. */
export type VerifyOptions = { window: number | null; showKeys: boolean };

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

  const records = new JsonRecords(columns, source.format);
  const findings = new Findings(name, options.showKeys);
  const topic = new FoldedTopic(source.delivery === 'at-least-once');
  let shown = 0;
  const deadline = Date.now() + left(clock);
  const extents = await kafka.records({ topic: name, deadline }, (record) => {
    shown++;
    fold(topic, records, record, window.number, findings);
  });

  const encoder = await ports.encoders.forWindow({ ...window, kind: 'repair', columns }, layout, 0);
  const width = columns.length + EXTRA_CELLS.count;
  for await (const batch of snowflake.read(table.queryId, 0, table.totalRows, width)) {
    for (let row = 0; row < batch.rows; row++) {
      encoder.encode('r', null, 0, batch, row, 1);
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = encoder;
      const keyBytes = bytes.subarray(keyStart, keyEnd);
      const key = digest(keyBytes);
      const { image } = records.read(bytes, valueStart, valueEnd)!;
      const found = topic.compare(key, digest(image!));
      if (found === 'twice')
        throw new SnowmeltError('DUPLICATE_KEY', `The table has key ${idOf(key)} in more than one row.`);
      if (found !== 'same') findings.add(found, key, keyBytes, topic.placeOf(key));
    }
    if (left(clock) <= 0) throw tooLong('comparison');
  }
  await addExtra(kafka, topic, findings, { showKeys: options.showKeys, deadline });
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
  };
}

/** What makes a topic something else than the table, by its configuration. */
function refuseUnfit({ name, query, stream, information, key, shape, snapshot, format }: ResolvedSource): void {
  const binary = [format.type, format.key].filter((type) => type === 'avro' || type === 'protobuf');
  const reasons: [boolean, string][] = [
    [query !== undefined, 'it reads a query, whose result at that time is not kept'],
    [stream !== undefined, 'it reads a stream, which was consumed'],
    [key.length === 0, 'it has no key to fold by'],
    [information === 'APPEND_ONLY', 'it is append-only: updates and deletes are not in its topic'],
    [snapshot?.mode === 'never', 'it began without a snapshot: rows that never changed are not in its topic'],
    [(shape?.skip.length ?? 0) > 0, `changes are skipped: ${shape?.skip.join(', ')}`],
    [binary.length > 0, `only JSON can be read back, not ${binary[0]}`],
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

function fold(
  topic: FoldedTopic,
  records: JsonRecords,
  { topicPartition, offset, bytes, keyStart, keyEnd, valueStart, valueEnd }: TopicRecord,
  upTo: number,
  findings: Findings,
): void {
  const keyBytes = bytes.subarray(Math.max(0, keyStart), keyEnd);
  const key = digest(keyStart < 0 ? '' : keyBytes);
  if (valueStart < 0) return topic.tombstone(key, topicPartition);
  const read = records.read(bytes, valueStart, valueEnd);
  const { op, window, row, image } = read ?? { op: '', window: 0, row: 0, image: null };
  const place = { topicPartition, offset, window, row };
  const isRow = op === 'c' || op === 'u' || op === 'r';
  if (read === null || keyStart < 0 || (isRow ? image === null : op !== 'd' && op !== 't'))
    return findings.add('foreign', key, keyBytes, place);
  if (window > upTo) return topic.later(key);
  if (op === 't') return topic.empty(topicPartition, window);
  topic.put(key, isRow ? digest(image!) : null, place);
}

/** No row tells the key of an extra record: it is read again where keys are asked for. */
async function addExtra(
  kafka: TopicReader,
  topic: FoldedTopic,
  findings: Findings,
  { showKeys, deadline }: { showKeys: boolean; deadline: number },
): Promise<void> {
  const { count, places } = topic.extra(MOST_SHOWN);
  for (const { key, ...place } of places) {
    let keyBytes: Uint8Array = Buffer.alloc(0);
    const only = { topicPartition: place.topicPartition, offset: place.offset };
    const take = ({ bytes, keyStart, keyEnd }: TopicRecord) =>
      void (keyBytes = Buffer.from(bytes.subarray(keyStart, keyEnd)));
    if (showKeys) await kafka.records({ topic: findings.topic, only, deadline }, take);
    findings.add('extra', key, keyBytes, place);
  }
  findings.found.extra.count = count;
}

class Findings {
  readonly topic: string;
  readonly found = { missing: nothing(), extra: nothing(), altered: nothing(), foreign: nothing() };
  readonly #showKeys: boolean;

  constructor(topic: string, showKeys: boolean) {
    this.topic = topic;
    this.#showKeys = showKeys;
  }

  add(
    kind: 'missing' | 'extra' | 'altered' | 'foreign',
    key: Buffer,
    keyBytes: Uint8Array,
    place: { topicPartition: number; offset: number } | null,
  ): void {
    const { first } = this.found[kind];
    if (++this.found[kind].count > MOST_SHOWN) return;
    first.push({
      id: idOf(key),
      ...(this.#showKeys && { key: Buffer.from(keyBytes).toString() }),
      ...(place !== null && { at: `${this.topic}-${place.topicPartition}@${place.offset}` }),
    });
  }
}

function nothing(): Differences {
  return { count: 0, first: [] };
}
