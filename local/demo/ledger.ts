/** The writer's account of every commit, one JSON line each. The oracle knows nothing but this and the flights. */
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Image } from './flights.ts';

/**
 * What became of a row: its whole image, or null for deleted. `row` names it for its life, whatever its key: flights that
 * were loaded have their number, rows inserted later the numbers after them.
 */
export type RowChange = { row: number; image: Image | null };

/** `at`: commit time by Snowflake's clock, nanoseconds since 1970. Several changes of one row come in their order. */
export type LedgerEntry = { at: string; changes: RowChange[] };

export class LedgerFile {
  readonly path: string;
  readonly #stream: WriteStream;

  constructor(path: string) {
    this.path = path;
    this.#stream = createWriteStream(path);
  }

  async add(entry: LedgerEntry): Promise<void> {
    if (!this.#stream.write(`${JSON.stringify(entry)}\n`)) await once(this.#stream, 'drain');
  }

  async close(): Promise<void> {
    this.#stream.end();
    await once(this.#stream, 'finish');
  }
}

/** The entries of a ledger's file, in order. */
export async function* readLedger(path: string): AsyncGenerator<LedgerEntry> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    if (line !== '') yield JSON.parse(line) as LedgerEntry;
  }
}
