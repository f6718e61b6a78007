/** What keeps a source from going on, worst first, with what the runbook says about it. */
import { commandFor, ERRORS, RESUME, type CommandPlace, type ErrorFacts } from '../../lambdas/errors.ts';
import type { StoredError } from '../../lambdas/protocol/ports/state.ts';
import type { PartitionStatus, SourceStatus, Verdict } from '../source-status.ts';
import { SAYS } from '../status-view.ts';

export type Stuck = {
  source: string;
  /** null: the source as a whole. */
  partition: number | null;
  /** A heading of docs/runbook.md. */
  entry: string;
  /** Goes on only after somebody did something; the others are tried again by themselves. */
  stopped: boolean;
  message: string;
  /** When the error was last met (ISO). */
  at: string | null;
  causes: string | null;
  action: string | null;
  run: string[];
};

/** The alarms of what shows without an error. */
const ALARMS: Partial<Record<Verdict, string>> = { stale: 'Freshness', stalled: 'Stalled', history: 'HistoryRunsOut' };

/** `place`: what the commands need to act there, such as `--env prod`. */
export function stuckOf(source: SourceStatus, place: string): Stuck[] {
  const { name, verdict, error, partitions } = source;
  const found: Stuck[] = [];
  const alarm = ALARMS[verdict];
  if (alarm !== undefined) found.push({ ...entryOf(name, null, alarm), message: SAYS[verdict] });
  if (error !== null) found.push(failure(source, null, error, place));
  for (const one of partitions) {
    if (one.error !== null) found.push(failure(source, one, one.error, place));
    else if (one.state === 'needs-operator')
      found.push({ ...entryOf(name, one.partition, 'NeedsOperator'), stopped: true });
  }
  return found.sort((a, b) => Number(b.stopped) - Number(a.stopped));
}

function entryOf(source: string, partition: number | null, entry: string): Stuck {
  return { source, partition, entry, stopped: false, message: '', at: null, causes: null, action: null, run: [] };
}

function failure(source: SourceStatus, partition: PartitionStatus | null, error: StoredError, place: string): Stuck {
  const { code, message } = error;
  // A newer release may know more codes.
  const facts: ErrorFacts | undefined = Object.hasOwn(ERRORS, code) ? ERRORS[code as keyof typeof ERRORS] : undefined;
  const forOperator = facts?.retry === 'operator';
  const stopped = partition === null ? forOperator : partition.state === 'needs-operator';
  return {
    ...entryOf(source.name, partition?.partition ?? null, code),
    stopped,
    message,
    at: new Date(error.at).toISOString(),
    causes: facts?.causes ?? null,
    action: facts?.action ?? null,
    run: runFor(facts, stopped).map((command) => commandFor(command, placeIn(source, partition, place))),
  };
}

/** A code that is tried again stops a partition, too, when it has been met often enough. */
function runFor(facts: ErrorFacts | undefined, stopped: boolean): readonly string[] {
  if (facts?.retry === 'operator') return facts.run;
  return facts !== undefined && stopped ? [RESUME] : [];
}

/** What the commands are for: this source, there, and the first window that the partition is not past. */
function placeIn(source: SourceStatus, partition: PartitionStatus | null, where: string): CommandPlace {
  const window = source.windows.find(({ slices }) =>
    slices.some((slice) => slice.state !== 'done' && slice.partition === partition?.partition),
  );
  const env = /^--env (.*)$/.exec(where)?.[1] ?? '<name>';
  return { source: source.name, where, env, window: window?.number ?? '<number>' };
}
