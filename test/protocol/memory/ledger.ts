/** A table as its writers know it: every commit with its time. What Snowflake answers is computed from it. */
import type { Layout } from '../../../lambdas/protocol/window.ts';

export type Row = (string | null)[];
export type Commit = { at: number; key: string; value: string | null };
export type ScanText = {
  kind: string;
  information: Layout['information'];
  partitions: number;
  from: string | null;
  to: string;
  /** Of a repair: exactly these keys. */
  keys?: string[];
};

export class Ledger {
  readonly commits: Commit[] = [];
  #values = 0;

  /** A new value for the key, or its deletion. Values are never used again. */
  commit(at: number, key: string, deletion = false, ending = ''): void {
    this.commits.push({ at, key, value: deletion ? null : `v${++this.#values}${ending}` });
    this.commits.sort((a, b) => a.at - b.at);
  }

  state(at: number): Map<string, string> {
    const state = new Map<string, string>();
    for (const commit of this.commits) {
      if (commit.at > at) break;
      if (commit.value === null) state.delete(commit.key);
      else state.set(commit.key, commit.value);
    }
    return state;
  }

  /** Token of the gate: the number of commits stamped up to `at`. */
  token(at: number): string {
    return String(this.commits.filter((commit) => commit.at <= at).length);
  }

  /** Cells: K, V, then key text, action, row id, bucket. Ordered by bucket, key, action, row id. */
  rows({ kind, information, partitions, from, to, keys }: ScanText): Row[] {
    const row = (key: string, action: string, value: string, id = 0): Row => {
      return [key, value, key, action, String(id), String(bucketOf(key, partitions))];
    };
    const upTo = Date.parse(to);
    const after = this.state(upTo);
    let rows: Row[];
    if (keys !== undefined) {
      rows = keys.map((key) => (after.has(key) ? row(key, 'INSERT', after.get(key)!) : row(key, 'DELETE KEY', '')));
    } else if (kind === 'changes' && information === 'APPEND_ONLY') {
      rows = this.commits.flatMap(({ at, key, value }, id) =>
        at > Date.parse(from!) && at <= upTo && value !== null ? [row(key, 'INSERT', value, id)] : [],
      );
    } else if (kind === 'changes' || kind === 'repair') {
      const before = this.state(Date.parse(from!));
      rows = [...new Set([...before.keys(), ...after.keys()])].flatMap((key) => {
        const [was, is] = [before.get(key), after.get(key)];
        if (was === is) return [];
        return [
          ...(was === undefined ? [] : [row(key, 'DELETE', was)]),
          ...(is === undefined ? [] : [row(key, 'INSERT', is)]),
        ];
      });
    } else if (kind === 'truncate') {
      rows = [['truncate', 'truncate', 'truncate', 'INSERT', '0', '0']];
    } else {
      rows = [...after].map(([key, value]) => row(key, 'INSERT', value));
    }
    return rows.sort(
      (a, b) =>
        Number(a[5]) - Number(b[5]) ||
        (a[2]! < b[2]! ? -1 : a[2]! > b[2]! ? 1 : 0) ||
        (a[3]! < b[3]! ? -1 : a[3]! > b[3]! ? 1 : 0) ||
        Number(a[4]) - Number(b[4]),
    );
  }
}

export function bucketOf(key: string, partitions: number): number {
  return Number(key.slice(1)) % partitions;
}
