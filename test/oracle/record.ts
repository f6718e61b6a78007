/** A record as an event of its key, by what the documentation promises of key and value. */
import type { Table } from './expect.ts';
import type { Op } from './events.ts';
import { hashOf, NONE, type Json } from './values.ts';

export type ReadRecord = { key: string; op: Op; before: number; after: number };

/** Never throws: what can't be read is an event of kind `other`, under its key where that can be read. */
export function readRecord(key: Buffer | null, value: Buffer | null, table: Table): ReadRecord {
  const keyText = readKey(key, table);
  if (value === null) return { key: keyText, op: 'tombstone', before: NONE, after: NONE };
  const envelope = parse(value);
  const other = (): ReadRecord => ({ key: keyText, op: 'other', before: NONE, after: NONE });
  if (envelope === undefined || envelope === null || typeof envelope !== 'object' || Array.isArray(envelope))
    return other();
  const { op, before, after } = envelope;
  if (op !== 'c' && op !== 'u' && op !== 'd' && op !== 'r') return other();
  if (before === undefined || after === undefined) return other();
  return { key: keyText, op, before: hashOf(before, table.columns), after: hashOf(after, table.columns) };
}

/** The key's fields, exactly the key columns, as the text of an array; a broken key is a key of its own. */
function readKey(key: Buffer | null, table: Table): string {
  const fields = key === null ? undefined : parse(key);
  if (fields === undefined || fields === null || typeof fields !== 'object' || Array.isArray(fields))
    return `?${key?.toString()}`;
  if (Object.keys(fields).length !== table.key.length) return `?${key?.toString()}`;
  return JSON.stringify(table.key.map((name) => fields[name] ?? null));
}

function parse(bytes: Buffer): Json | undefined {
  try {
    return JSON.parse(bytes.toString('utf8')) as Json;
  } catch {
    return undefined;
  }
}
