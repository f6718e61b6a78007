/**
 * A transaction's commit: the marker in Kafka, then the position in the store. While both do that, the rows of the next
 * transaction are read and encoded already; their records are sent when Kafka is done.
 */
import { newlyDead } from './dead-letters.ts';
import type { DeadRows } from './ports/kafka.ts';
import { FencedError, type Run } from './publish.ts';
import { formatPosition, type Position } from './position.ts';
import type { Range, Window } from './window.ts';

/** The commits of a window, one at a time, beside the work on the rows that follow. */
export class Commits {
  readonly #run: Run;
  readonly #window: Window;
  readonly #range: Range;
  #current: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  /** From the begin of a commit until it is known to have succeeded. */
  busy = false;

  constructor(run: Run, window: Window, range: Range) {
    this.#run = run;
    this.#window = window;
    this.#range = range;
  }

  /** Begins to commit what was appended, once the commit before has ended. */
  async begin(done: number, last: string, dead: DeadRows | null): Promise<void> {
    await this.ended();
    this.busy = true;
    this.#current = commit(this.#run, this.#window, this.#range, done, last, dead).then(
      () => void (this.busy = false),
      (error: unknown) => void (this.#failure = asError(error)),
    );
  }

  /** Throws what the commit threw. */
  async ended(): Promise<void> {
    await this.#current;
    this.throwIfFailed();
  }

  throwIfFailed(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  /** Waits too, and answers what the commit threw. */
  async settled(): Promise<Error | null> {
    await this.#current;
    return this.#failure;
  }
}

/** Commits what was appended, and what was buried, up to row `done`. Any rejection leaves the outcome unknown. */
export async function commit(
  run: Run,
  window: Window,
  range: Range,
  done: number,
  last: string,
  dead: DeadRows | null,
): Promise<void> {
  const { ports, producer } = run;
  const exactlyOnce = run.settings.delivery === 'exactly-once';
  const at = ports.clock.now();
  const position: Position = { window: window.number, row: done };
  // The window ends for this partition with this very transaction, so it is told in it.
  if (done === range.rows && run.settings.progressTopic !== null)
    producer!.tell(ports.encoders.progress(window, run.partition, dead?.rows ?? 0), window.number, done);
  // Until the store has it: a release in between must leave `open` standing.
  run.undecided = true;
  await producer!.commit({
    position,
    incarnation: run.incarnation,
    digest: window.digest,
    to: window.to,
    last,
    at,
    ...(dead !== null && { dead }),
  });
  run.last = { position: formatPosition(position), hash: last };
  const now = ports.clock.now();
  const lease = await ports.checkpoints.commit(run.lease, {
    position,
    marked: exactlyOnce ? { position, at } : null,
    leaseUntil: now + run.settings.leaseMs,
    now,
    ...(exactlyOnce ? {} : { closeOpen: true }),
    ...(dead !== null && { dead }),
  });
  if (lease === null) throw new FencedError();
  run.undecided = producer!.pending > 0; // records of the next transaction
  const before = run.lease.item.position;
  const rows = done - (before !== null && before.window === window.number ? before.row : 0);
  tellDead(run, newlyDead(run.lease.item, lease.item));
  run.lease = lease;
  run.progressed = true;
  run.rows += rows;
  run.transactions++;
  ports.telemetry.count('Rows', rows, { source: run.source, partition: run.partition });
  ports.telemetry.count('Transactions', 1, { source: run.source, partition: run.partition });
  if (done === range.rows) {
    ports.telemetry.info('window published', {
      source: run.source,
      partition: run.partition,
      window: window.number,
      kind: window.kind,
      rows: range.rows,
      deadLetters: dead?.rows ?? 0,
      to: window.to,
    });
  }
}

/** What they are is for the topic to say: never a value in a log. */
export function tellDead({ source, partition, ports }: Run, rows: number): void {
  if (rows === 0) return;
  ports.telemetry.info('rows went to the dead letters', { source, partition, rows });
  ports.telemetry.count('DeadLetters', rows, { source, partition });
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
