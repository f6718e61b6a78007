import { SnowmeltError } from '../errors.ts';
import type { Checkpoints } from '../protocol/ports.ts';
import { json, keys, number, VERSION } from './items.ts';
import type { Table } from './table.ts';

type Entry = Parameters<Checkpoints['audit']>[1];

const SAME_MILLISECOND = 50;

/** Records who changed what. Entries of the same millisecond take the next free one as their key. */
export async function writeAudit(table: Table, source: string, entry: Entry): Promise<void> {
  const attributes = { v: number(VERSION), body: json(entry) };
  for (let i = 0; i < SAME_MILLISECOND; i++) {
    const key = keys.audit(source, entry.at + i);
    if (await table.putNew(key, attributes)) return;
    const standing = await table.get(key);
    if (standing?.['body']?.S === attributes.body.S) return; // our own repetition
  }
  throw new SnowmeltError('STORE_UNREACHABLE', `Source ${source}: no free audit key at ${entry.at}.`);
}
