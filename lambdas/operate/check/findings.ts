/** What a check found, and what mends it. */
import { asSnowmeltError, type ErrorCode, type SnowmeltError } from '../../errors.ts';

/** `source`: null where it concerns all of them. `fix`: statements, commands, settings; or else what to do, in words. */
export type Failure = { source: string | null; code: ErrorCode; what: string; fix: string[] };
/** Not wrong, but maybe not meant. `fix`: what changes it, where that is known. */
export type Note = { source: string | null; what: string; fix?: string[] };
export type Report = { failures: Failure[]; notes: Note[] };

export type FixOf = (error: SnowmeltError) => readonly string[];

/** Whichever source meets one of these, the cause is the same for all. */
const OF_ALL = new Set<ErrorCode>([
  'SNOWFLAKE_LOGIN',
  'SNOWFLAKE_UNREACHABLE',
  'WAREHOUSE_MISSING',
  'KAFKA_UNREACHABLE',
  'STORE_UNREACHABLE',
]);

export class Findings {
  readonly #failures = new Map<string, Failure>();
  readonly #notes: Note[] = [];

  /** Without a fix that can be run, the registry's words stand for it. What is found twice is told once. */
  fail(source: string | null, error: unknown, fix: readonly string[] = []): void {
    const { code, message, action } = asSnowmeltError(error);
    const ofAll = OF_ALL.has(code);
    const key = ofAll ? code : `${source ?? ''}/${code}/${message}`;
    if (this.#failures.has(key)) return;
    const failure = { source: ofAll ? null : source, code, what: message, fix: fix.length > 0 ? [...fix] : [action] };
    this.#failures.set(key, failure);
  }

  note(source: string | null, what: string, fix: string[] = []): void {
    this.#notes.push({ source, what, ...(fix.length > 0 && { fix }) });
  }

  has(code: ErrorCode): boolean {
    return [...this.#failures.values()].some((failure) => failure.code === code);
  }

  /** What the step gives; null where it failed, which is then among the failures. */
  async attempt<T>(source: string | null, fixOf: FixOf, step: () => Promise<T>): Promise<T | null> {
    try {
      return await step();
    } catch (error) {
      const known = asSnowmeltError(error);
      this.fail(source, known, fixOf(known));
      return null;
    }
  }

  /** What concerns all first, then source by source. */
  report(sources: readonly string[]): Report {
    const place = ({ source }: { source: string | null }) => (source === null ? -1 : sources.indexOf(source));
    const inOrder = <T extends { source: string | null }>(found: Iterable<T>, text: (one: T) => string) =>
      [...found].sort((a, b) => place(a) - place(b) || (text(a) < text(b) ? -1 : 1));
    return {
      failures: inOrder(this.#failures.values(), ({ code, what }) => `${code} ${what}`),
      notes: inOrder(this.#notes, ({ what }) => what),
    };
  }
}

/** Sources that are looked at side by side. */
const AT_ONCE = 8;

export async function forEach<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all];
  const next = async (): Promise<void> => {
    for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}
