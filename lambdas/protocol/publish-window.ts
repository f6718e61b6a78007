/**
 * Reads a partition's rows of one window and publishes them in transactions. A transaction is committed at the last cut:
 * when it has enough rows, when it is a quarter of its timeout old, when the reader stalls, or when the time runs short.
 * One commit at a time: the next one, and whatever comes after this window, waits for it.
 */
import { SnowmeltError } from '../errors.ts';
import { commit, Commits } from './commits.ts';
import { DeadLetters } from './dead-letters.ts';
import { Pace } from './pace.ts';
import { Pairing, type PairingMode } from './pairing.ts';
import { FencedError, renew, type Run } from './publish.ts';
import type { RowBatch } from './ports/snowflake.ts';
import type { SourceState } from './ports/state.ts';
import { formatPosition } from './position.ts';
import { freshResult, runAgain } from './result.ts';
import { EXTRA_CELLS, rangeOf, type Layout, type Range, type Window } from './window.ts';

const STALL_MS = 5_000;

export async function publishWindow(run: Run, state: SourceState, window: Window): Promise<void> {
  const { ports } = run;
  const layout = state.layouts.get(window.layout);
  if (layout === undefined) {
    throw new SnowmeltError(
      'STATE_DISAGREES',
      `Window ${window.number} names layout ${window.layout}, which is not there.`,
    );
  }
  const range = rangeOf(window, run.partition)!;
  if (window.kind === 'truncate') return publishTruncation(run, window, layout, range);
  if (window.kind === 'schema') return publishSchema(run, window, layout, range);
  const position = run.lease.item.position;
  const done = position !== null && position.window === window.number ? position.row : 0;
  const width = window.columns.length + EXTRA_CELLS.count;
  const encoder = await ports.encoders.forWindow(window, layout, run.partition);
  const headers = ports.encoders.headers(window);
  const letters = new DeadLetters(run, window, layout);
  const pairing = new Pairing(modeOf(window, layout), encoder, window.number, width, done, headers, letters.bury);
  const queryId = await freshResult(ports, run.source, window, () => renew(run));

  // The row before proves that this is the result it was.
  const from = range.start + Math.max(done - 1, 0);
  const batches = ports.snowflake.read(queryId, from, range.start + range.rows, width)[Symbol.asyncIterator]();
  const commits = new Commits(run, window, range);
  const pace = paceOf(run, window, layout);
  let proven = done === 0;
  let cut = done;
  let ended = false;
  let waiting = true;
  /** Begins the commit of all rows taken so far. */
  const commitSoon = async () => {
    await commits.begin(pairing.done, pairing.last!, letters.rows);
    cut = pairing.done;
  };
  try {
    let next = batches.next();
    for (;;) {
      const step = await orStall(next);
      commits.throwIfFailed();
      // A commit renews the lease, too; two writers of the item would not know of each other.
      if (!commits.busy) await renew(run);
      if (step === 'stalled') {
        if (pairing.done > cut) await commitSoon();
        await commits.ended();
        if (ports.clock.remainingMs() < run.settings.reserveMs) break;
        continue;
      }
      waiting = false;
      if (step.done === true) {
        ended = true;
        break;
      }
      ports.telemetry.count('ReadBytes', step.value.bytes.length, { source: run.source, partition: run.partition });
      if (!proven) prove(run, window, pairing, step.value);
      for (const part of pace?.parts(step.value) ?? [step.value]) {
        run.undecided = true;
        await pairing.take(part, proven ? 0 : 1, run.producer!);
        run.undecided = commits.busy || run.producer!.pending > 0;
        proven = true;
        pace?.sent(part);
        const due = pace?.isDue === true && pairing.done > cut;
        if (due || transactionIsFull(run, pairing.done - cut, commits.busy)) await commitSoon();
        if (due) await settle(run, commits, pace);
        if (ports.clock.remainingMs() < run.settings.reserveMs) break;
      }
      if (ports.clock.remainingMs() < run.settings.reserveMs) break;
      next = batches.next();
      waiting = true;
    }
    if (ended) {
      pairing.finish(run.producer!);
      checkComplete(run, window, range, pairing);
    }
    if (pairing.done > cut) await commitSoon();
    await commits.ended();
  } catch (error) {
    // Nobody else may write the item, or open another producer, before it is known how the commit went.
    const failure = await commits.settled();
    if (failure instanceof FencedError) throw failure;
    // The window keeps everything but its query id; the next open reads the new result.
    if (error instanceof SnowmeltError && error.code === 'RESULT_EXPIRED') {
      await runAgain(ports, run.source, window, () => renew(run));
      throw new SnowmeltError(
        'RESULT_MALFORMED',
        `The result of window ${window.number} had expired and was read again.`,
      );
    }
    throw error;
  } finally {
    // Ends the downloads; what that throws comes after the error that matters. While a batch is waited for, it would wait too.
    const returned = batches.return?.().then(undefined, () => undefined);
    if (!waiting) await returned;
  }
}

/** What is sent all at once is paced; changes come as they were made. */
function paceOf({ settings, ports }: Run, window: Window, layout: Layout): Pace | null {
  const { maxRate, publishers = Infinity } = settings;
  if (maxRate === undefined || window.kind === 'changes') return null;
  return new Pace(maxRate, Math.min(layout.partitions, publishers), ports.clock);
}

/** Waits, with nothing open and the lease kept, until what was sent is paid for. */
async function settle(run: Run, commits: Commits, pace: Pace): Promise<void> {
  const { clock } = run.ports;
  await commits.ended();
  while (pace.owed > 0 && clock.remainingMs() > run.settings.reserveMs) {
    await clock.pause(Math.min(pace.owed, run.settings.leaseMs / 4));
    await renew(run);
  }
}

/** One row, partition 0's, that every topicPartition is told of. */
async function publishTruncation(run: Run, window: Window, layout: Layout, range: Range): Promise<void> {
  const { encoders } = run.ports;
  const { key, value } = await encoders.truncation(window, layout);
  const bytes = Buffer.concat([key, value]);
  run.undecided = true;
  run.producer!.broadcast(bytes, 0, key.length, key.length, bytes.length, window.number, 1, encoders.headers(window));
  await commit(run, window, range, range.rows, '', null);
}

/** One row, partition 0's: a record for the topic of schema changes, which the producer was opened for. */
async function publishSchema(run: Run, window: Window, layout: Layout, range: Range): Promise<void> {
  const { key, value } = run.ports.encoders.schemaChange(window, layout);
  const bytes = Buffer.concat([key, value]);
  run.undecided = true;
  run.producer!.append(bytes, 0, key.length, key.length, bytes.length, window.number, 1);
  await commit(run, window, range, range.rows, '', null);
}

function checkComplete(run: Run, window: Window, range: Range, pairing: Pairing): void {
  if (pairing.done === range.rows) return;
  throw new SnowmeltError(
    'RESULT_MALFORMED',
    `Window ${window.number}, partition ${run.partition}: ${pairing.done} of ${range.rows} rows came.`,
  );
}

function modeOf(window: Window, layout: Layout): PairingMode {
  const appendOnly = layout.information === 'APPEND_ONLY';
  if (window.kind === 'changes') return appendOnly ? 'append' : 'net';
  // A state is told, not a change. Where rows are only ever added, keys may repeat in it, too.
  if (appendOnly) return 'append-read';
  return window.kind === 'snapshot' ? 'snapshot' : 'repair';
}

function prove(run: Run, window: Window, pairing: Pairing, batch: RowBatch): void {
  const hash = pairing.resumeAfter(batch);
  const position = formatPosition(run.lease.item.position!);
  // Without a marker (it may expire long after) the ranges' hashes vouch for the result.
  if (run.last === null) return;
  if (run.last.position === position && run.last.hash === hash) return;
  throw new SnowmeltError(
    'WINDOW_CHANGED',
    `Window ${window.number}, partition ${run.partition}: row ${run.lease.item.position!.row} is not the one that was published.`,
  );
}

/** Re-opens halve the batch: what fails for its size gets through smaller. While one is `committing`, the next is not open. */
function transactionIsFull(run: Run, rows: number, committing: boolean): boolean {
  const { settings, producer } = run;
  if (rows === 0) return false;
  if (rows >= Math.max(1, settings.maxTransactionRows >> run.reopens)) return true;
  const since = producer!.transactionSince;
  return !committing && since !== null && run.ports.clock.now() - since > settings.transactionTimeoutMs / 4;
}

/** The next batch, or 'stalled' when none comes for STALL_MS; the promise stays good for another wait. */
async function orStall<T>(next: Promise<T>): Promise<T | 'stalled'> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<'stalled'>((resolve) => {
    timer = setTimeout(resolve, STALL_MS, 'stalled');
  });
  try {
    return await Promise.race([next, stalled]);
  } finally {
    clearTimeout(timer);
  }
}
