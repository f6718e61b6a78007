/** Which tables a pattern has found, and how its newest look at the schema went. */
import type { ResolvedConfig } from '../config/resolved.ts';
import type { Members } from '../protocol/ports/checkpoints.ts';
import type { Listing, Member } from '../protocol/ports/state.ts';
import { requireAll } from './conditions.ts';
import { assign } from './expressions.ts';
import { checkVersion, json, keys, number, requireJson, VERSION } from './items.ts';
import { Table, type Expression, type Item } from './table.ts';

const FIRST = 'table#';
/** Above every name. */
const LAST = 'table$';

export function createMembers(config: Pick<ResolvedConfig, 'table'>): Members {
  const table = new Table(config.table);
  return {
    async all(pattern) {
      const items = await table.query(keys.listing(pattern).pk, { from: FIRST, to: LAST });
      return items.map((item) => read<Member>(item)).sort((a, b) => a.since - b.since || (a.table < b.table ? -1 : 1));
    },
    async one(pattern, name) {
      const item = await table.get(keys.member(pattern, name));
      return item === null ? null : read<Member>(item);
    },
    async put(pattern, member, before) {
      const key = keys.member(pattern, member.table);
      const attributes = { v: number(VERSION), body: json(member) };
      if (before === null) return table.putNew(key, attributes);
      return (await table.update(key, assign(attributes), requireAll(bodyIs(before)))) !== null;
    },
    remove: (pattern, name) => table.delete(keys.member(pattern, name)),
    async listing(pattern) {
      const item = await table.get(keys.listing(pattern));
      return item === null ? null : read<Listing>(item);
    },
    /** The last one counts: whoever looked saw the schema as it was then. */
    async note(pattern, listing) {
      const attributes = { v: number(VERSION), body: json(listing) };
      const key = keys.listing(pattern);
      if (await table.putNew(key, attributes)) return;
      await table.update(key, assign(attributes), requireAll());
    },
  };
}

function bodyIs(member: Member): Expression {
  return { text: '#body = :was', values: { ':was': json(member) } };
}

function read<T>(item: Item): T {
  checkVersion(item);
  return requireJson<T>(item, 'body');
}
