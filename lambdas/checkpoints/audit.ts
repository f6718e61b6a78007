/** What people did: an item each, by time. */
import { SnowmeltError } from '../errors.ts';
import type { AuditEntry } from '../protocol/ports/state.ts';
import { json, keys, number, readAudit, requireText, VERSION } from './items.ts';
import type { Table } from './table.ts';

const SAME_MILLISECOND = 50;

/** Records who changed what. Entries of the same millisecond take the next free one as their key. */
export async function writeAudit(table: Table, source: string, entry: AuditEntry): Promise<void> {
  const attributes = { v: number(VERSION), body: json(entry) };
  for (let i = 0; i < SAME_MILLISECOND; i++) {
    const key = keys.audit(source, entry.at + i);
    if (await table.putNew(key, attributes)) return;
    const standing = await table.get(key);
    if (standing?.['body']?.S === attributes.body.S) return; // our own repetition
  }
  throw new SnowmeltError('STORE_UNREACHABLE', `Source ${source}: no free audit key at ${entry.at}.`);
}

export async function readAudits(
  table: Table,
  source: string,
  since: number,
): Promise<{ key: string; entry: AuditEntry }[]> {
  const { pk, sk: from } = keys.audit(source, since);
  const items = await table.query(pk, { from, to: 'audit#~' });
  return items.map((item) => ({ key: requireText(item, 'sk'), entry: readAudit(item) }));
}
