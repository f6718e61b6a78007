/** Looks at sources again and again, at those that there are each time; what was sent between two looks tells how fast they are. */
import type { ResolvedSource } from '../lambdas/config/resolved.ts';
import type { Checkpoints } from '../lambdas/protocol/ports/checkpoints.ts';
import { look, sourceStatus, type Look, type SourceStatus } from './source-status.ts';

/** Sources looked at side by side. */
const AT_ONCE = 32;

export class Onlooker {
  readonly #checkpoints: Checkpoints;
  readonly #sources: () => Promise<readonly ResolvedSource[]>;
  #before = new Map<string, Look>();

  constructor(checkpoints: Checkpoints, sources: () => Promise<readonly ResolvedSource[]>) {
    this.#checkpoints = checkpoints;
    this.#sources = sources;
  }

  /** How they are, in their order; without speeds the first time. @throws STORE_UNREACHABLE */
  async look(): Promise<SourceStatus[]> {
    const before = this.#before;
    const now = new Map<string, Look>();
    const sources = await this.#sources();
    const left = [...sources];
    const next = async (): Promise<void> => {
      for (let source = left.shift(); source !== undefined; source = left.shift()) {
        now.set(source.name, await look(this.#checkpoints, source.name, before.get(source.name) ?? null));
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    this.#before = now;
    return sources.map((source) => sourceStatus(source, now.get(source.name)!, before.get(source.name) ?? null));
  }

  /** The next look is a first one: nothing is known of what went on meanwhile. */
  forget(): void {
    this.#before = new Map();
  }
}
