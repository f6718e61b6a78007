/** The record of a `schema` window: JSON, whatever the format of the source's own records. */
import type { PlainRecord } from '../protocol/ports/records.ts';
import type { Column } from '../protocol/window.ts';
import type { WindowFacts } from './envelope.ts';

/** `before` is null for the first columns of a source; `window` is the first that has those of `after`. */
export function schemaRecord({ config, source, window, layout, now }: WindowFacts): PlainRecord {
  const { database, schema, name } = layout.object;
  const value = {
    app: config.app,
    source: source.name,
    topic: layout.topic,
    table: { db: database, schema, table: name },
    key: layout.key,
    window: window.number + 1,
    before: columnsOf(window.schema?.before ?? null),
    after: columnsOf(window.columns),
    ts_ms: now,
  };
  const json = (part: unknown) => Buffer.from(JSON.stringify(part));
  return { key: json({ app: config.app, source: source.name }), value: json(value) };
}

function columnsOf(columns: Column[] | null) {
  return (
    columns?.map(({ name, type, precision, scale, nullable }) => ({ name, type, precision, scale, nullable })) ?? null
  );
}
