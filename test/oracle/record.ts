/** A record as an event of its key, by what the documentation promises of key and value. */
import type { Table } from './expect.ts';
import type { Op } from './events.ts';
import type { Format } from './formats.ts';
import { hashOf, NONE, type Json } from './values.ts';

/** `window`: what the record says of where it is from; 0 where it says nothing. */
export type ReadRecord = { key: string; op: Op; before: number; after: number; window: number };

export type Form = { key: Format; value: Format; envelope: 'debezium' | 'flat' };

type Fields = { [name: string]: Json };

/** Never throws: what can't be read is an event of kind `other`, under its key where that can be read. */
export function readRecord(key: Buffer | null, value: Buffer | null, table: Table, form: Form): ReadRecord {
  const keyFields = keyOf(key, table, form);
  const keyText = textOf(keyFields, key, table);
  if (value === null) return { key: keyText, op: 'tombstone', before: NONE, after: NONE, window: 0 };
  const other = (): ReadRecord => ({ key: keyText, op: 'other', before: NONE, after: NONE, window: 0 });
  const decoded = attempt(() => form.value.decode(value));
  if (!isFields(decoded)) return other();
  const { op, before, after, window } = form.envelope === 'flat' ? flat(decoded) : decoded;
  if (op !== 'c' && op !== 'u' && op !== 'd' && op !== 'r') return other();
  const images = attempt(() => [form.value.image(before), form.value.image(after)] as const);
  if (images === undefined || images.includes(undefined)) return other();
  const from = form.envelope === 'flat' ? window : (decoded['source'] as Fields | null | undefined)?.['window'];
  const read = { op, window: numberOf(from) } as const;
  const { added = [] } = table;
  if (added.length === 0) {
    return { key: keyText, before: hashOf(images[0], table.columns), after: hashOf(images[1], table.columns), ...read };
  }
  // A column that the query adds is not in the ledger: its row is known by the others, and it by the key.
  const image = images[1] as Fields | null;
  if (image === null || keyFields === undefined || images[0] !== null) return other();
  if (added.some((name) => typeof image[name] !== 'string' || image[name] !== keyFields[name])) return other();
  const known = Object.fromEntries(Object.entries(image).filter(([name]) => !added.includes(name)));
  const after1 = hashOf(known, table.columns);
  return { key: identity(after1), before: NONE, after: after1, ...read };
}

/** The key of a row that is known by all its columns. */
export function identity(hash: number): string {
  return `#${hash}`;
}

/** A flat record as an envelope: only a delete carries the row as it was, and no other one does. */
function flat(fields: Fields): Fields {
  const { __op: op, __window: window, __ts_ms: _, __row: __, __deleted: deleted, ...image } = fields;
  if ((deleted === true) !== (op === 'd')) return {};
  const gone = op === 'd';
  return { op: op!, window: window!, before: gone ? image : null, after: gone ? null : image };
}

function keyOf(key: Buffer | null, table: Table, form: Form): Fields | undefined {
  const fields = key === null ? undefined : attempt(() => form.key.image(form.key.decode(key)));
  if (!isFields(fields) || Object.keys(fields).length !== table.key.length) return undefined;
  return fields;
}

/** The key's fields, exactly the key columns, as the text of an array; a broken key is a key of its own. */
function textOf(fields: Fields | undefined, key: Buffer | null, table: Table): string {
  return fields === undefined ? `?${key?.toString()}` : JSON.stringify(table.key.map((name) => fields[name] ?? null));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** However a format has a whole number. */
function numberOf(value: unknown): number {
  if (isFields(value) && 'digits' in value) return Number(value['digits']);
  return value === undefined || value === null ? 0 : Number(value);
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
