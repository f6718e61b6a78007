/** The Encoders port: picks the format of keys and of values. What needs a schema is registered before a row is read. */
import type { Credentials, ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import type { Encoders } from '../protocol/ports/records.ts';
import type { Layout, Window } from '../protocol/window.ts';
import { deadLetterRecord } from './dead-letter.ts';
import type { WindowFacts } from './envelope.ts';
import { JsonFormat } from './format-json.ts';
import type { Format } from './format.ts';
import { AvroFormat } from './format-avro.ts';
import { ProtobufFormat } from './format-protobuf.ts';
import { headersOf } from './headers.ts';
import { progressRecord } from './progress.ts';
import { RowRecords } from './record.ts';
import { registryOf } from './registries/registry.ts';
import type { Pace } from './registries/request.ts';
import { schemaRecord } from './schema-change.ts';

export { TRUNCATION_KEY } from './format-json.ts';

type Options = {
  /** Of the registry; null where it wants none. */
  credentials?: Credentials | null;
  /** What it is asked with once it refuses them. */
  renewed?: () => Promise<Credentials | null>;
  /** Gives `ts_ms`, the time at which records are made: once per window and invocation. */
  now?: () => number;
  /** How patiently a registry is asked. */
  pace?: Pace;
};

export function createEncoders(config: ResolvedConfig, source: ResolvedSource, options: Options = {}): Encoders {
  const { credentials = null, renewed, now = Date.now, pace } = options;
  const { tombstones, type, key, envelope } = source.format;
  const formats = new Map<ResolvedSource['format']['type'], Format>();
  const values = formatOf(type);
  // A window that was cut before the configuration changed has the keys of its layout: where they go is decided by their bytes.
  const keysOf = (layout: Layout) => formatOf(layout.keyFormat ?? key);
  const facts = (window: Window, layout: Layout, partition: number): WindowFacts => ({
    config,
    source,
    window,
    layout,
    partition,
    now: now(),
  });

  function formatOf(format: ResolvedSource['format']['type']): Format {
    const known = formats.get(format);
    if (known !== undefined) return known;
    const made = makeFormat(format);
    formats.set(format, made);
    return made;
  }

  function makeFormat(format: ResolvedSource['format']['type']): Format {
    if (format === 'json' || format === 'json-with-schema') return new JsonFormat(format === 'json-with-schema');
    const registry = registryOf(config, credentials, pace, renewed);
    return format === 'avro' ? new AvroFormat(registry) : new ProtobufFormat(registry);
  }

  return {
    schemaChange: (window, layout) => schemaRecord(facts(window, layout, 0)),
    progress: (window, partition, dead) => progressRecord({ config, source, window, partition, now: now() }, dead),
    deadLetter: (window, layout, partition, bad, bytes) =>
      deadLetterRecord(facts(window, layout, partition), bad, bytes),
    headers: (window) => headersOf(source.headers ?? [], window),
    async truncation(window, layout) {
      const known = facts(window, layout, 0);
      const [keyBytes, valueBytes] = await Promise.all([keysOf(layout).truncationKey(known), values.truncation(known)]);
      return { key: keyBytes, value: valueBytes };
    },
    async forWindow(window, layout, partition) {
      const known = facts(window, layout, partition);
      const [keyWriter, valueWriter] = await Promise.all([keysOf(layout).key(known), values.value(known)]);
      return new RowRecords(keyWriter, valueWriter, window.columns.length, tombstones, envelope === 'flat');
    },
  };
}
