/** The keys in which a topic differs from its table, listed in Snowflake for a repair. */
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { Column } from '../protocol/window.ts';
import { MOST_KEY_BYTES, stageKeys, textsOf, type KeyRequest } from './keys.ts';
import type { ScanPorts } from './scan.ts';

/** `request`: what to ask for the repair with; null: there is nothing to mend, or more than one request takes. */
export type Repair = {
  keys: number;
  /** Keys in the topic that the table's columns can't hold: no delete of this source has them. */
  unfit: number;
  tooMany: boolean;
  request: KeyRequest | null;
};

/** Brackets, quotes and a comma around each. */
const AROUND = 4;

export class Differing {
  /** No key is shorter than that. */
  readonly most = Math.ceil(MOST_KEY_BYTES / AROUND);
  readonly #columns: readonly Column[];
  readonly #keys: string[][] = [];
  #count = 0;
  #bytes = 0;
  #unfit = 0;

  /** `columns`: the key's. */
  constructor(columns: readonly Column[]) {
    this.#columns = columns;
  }

  /** null: not even a key of this source, or NULL in one. */
  add(key: readonly (string | null)[] | null): void {
    const texts = key === null ? [null] : textsOf(this.#columns, key);
    if (texts.includes(null)) {
      this.#unfit++;
      return;
    }
    this.#count++;
    for (const text of texts) this.#bytes += AROUND + text!.length;
    if (this.#bytes <= MOST_KEY_BYTES) this.#keys.push(texts as string[]);
  }

  /** There are more that were not looked at. */
  tooMany(more: number): void {
    this.#count += more;
    this.#bytes = Infinity;
  }

  async stage(
    ports: ScanPorts & { checkpoints: Checkpoints },
    source: string,
    columns: readonly string[],
  ): Promise<Repair> {
    const tooMany = this.#bytes > MOST_KEY_BYTES;
    const some = this.#count > 0 && !tooMany;
    const request = some ? await stageKeys(ports, source, { columns: [...columns], rows: this.#keys }) : null;
    return { keys: this.#count, unfit: this.#unfit, tooMany, request };
  }
}
