/** What statements cost, by kind and by QUERY_TAG, and what the service did. */
import type { SnowflakeStats, StatementCount } from './types.ts';

const plain = [
  'logins',
  'loginsRefused',
  'renewals',
  'duplicateRequests',
  'describeOnly',
  'chunksServed',
  'chunkBytes',
] as const;

export type CounterName = (typeof plain)[number];

export class Counters {
  #plain = zeros();
  #all = none();
  #byKind: Record<string, StatementCount> = {};
  #byTag: Record<string, StatementCount> = {};
  #requests: Record<string, number> = {};

  add(name: CounterName, by = 1): void {
    this.#plain[name] += by;
  }

  request(endpoint: string): void {
    this.#requests[endpoint] = (this.#requests[endpoint] ?? 0) + 1;
  }

  /** Counts a statement; `warehouse` is undefined when it failed before that was known. */
  statement(kind: string, tag: string, warehouse: boolean | undefined, failed: boolean): void {
    for (const count of [this.#all, (this.#byKind[kind] ??= none()), (this.#byTag[tag] ??= none())]) {
      count.statements++;
      if (warehouse === true) count.withWarehouse++;
      else count.withoutWarehouse++;
      if (failed) count.failed++;
    }
  }

  reset(): void {
    this.#plain = zeros();
    this.#all = none();
    this.#byKind = {};
    this.#byTag = {};
    this.#requests = {};
  }

  snapshot(): Pick<SnowflakeStats, CounterName | 'all' | 'byKind' | 'byTag' | 'requests'> {
    return structuredClone({
      ...this.#plain,
      all: this.#all,
      byKind: this.#byKind,
      byTag: this.#byTag,
      requests: this.#requests,
    });
  }
}

function zeros(): Record<CounterName, number> {
  return Object.fromEntries(plain.map((name) => [name, 0])) as Record<CounterName, number>;
}

function none(): StatementCount {
  return { statements: 0, withWarehouse: 0, withoutWarehouse: 0, failed: 0 };
}
