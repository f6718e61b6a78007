/** First of all: the windows' bounds must run without gap or overlap to past the last commit. */

/** A window as the checkpoint table has it. Bounds `(from, to]` are ISO 8601 with milliseconds. */
export type Bounds = {
  number: number;
  kind: string;
  from: string | null;
  to: string;
  /** Of a repair: what changed after it is told again. */
  since: string | null;
  void: boolean;
  /** Rows by partition. */
  rows?: ReadonlyMap<number, number>;
};

export type WindowDefect = { kind: 'gap' | 'overlap'; what: string };

/**
 * @param lastCommit nanoseconds since 1970 of the last commit that must be covered.
 * @param stream of a stream, which may tell all as changes from its beginning.
 * @throws on kinds of windows that this oracle knows nothing of: it would judge them wrongly.
 */
export function checkWindows(windows: readonly Bounds[], lastCommit: bigint, stream = false): WindowDefect[] {
  const defects: WindowDefect[] = [];
  const gap = (what: string) => defects.push({ kind: 'gap', what });
  const overlap = (what: string) => defects.push({ kind: 'overlap', what });

  const first = windows[0];
  if (first === undefined) {
    gap('there is no window');
    return defects;
  }
  const begins = first.kind === 'snapshot' ? first.from === null : stream && first.kind === 'changes';
  if (!begins) gap(`window ${first.number} is first and no snapshot from the start`);
  windows.forEach((window, i) => {
    const repair = window.kind === 'repair';
    if ((!repair && window.kind !== 'changes' && window.kind !== 'snapshot') || window.void) {
      throw new Error(
        `window ${window.number} is a ${window.void ? 'void ' : ''}${window.kind}, unknown to the oracle`,
      );
    }
    const before = windows[i - 1];
    if (before === undefined) return;
    const here = `between window ${before.number} and window ${window.number}`;
    if (window.number > before.number + 1) gap(`numbers are missing ${here}`);
    if (window.number <= before.number) overlap(`numbers repeat ${here}`);
    const from = window.from === null ? -Infinity : Date.parse(window.from);
    if (from > Date.parse(before.to)) gap(`${before.to} to ${window.from} lies ${here} in neither`);
    if (from < Date.parse(before.to)) overlap(`${window.from ?? 'the start'} to ${before.to} lies ${here} in both`);
    if (window.kind === 'changes') {
      if (Date.parse(window.to) <= from) overlap(`window ${window.number} ends before it begins`);
    } else if (Date.parse(window.to) !== from) {
      // What is told again is told as of the end of the window before, or else later changes would come twice or never.
      gap(`window ${window.number} tells again what was at ${window.to}, not at its beginning`);
    }
    if (repair && (window.since === null || Date.parse(window.since) >= from))
      gap(`window ${window.number} repairs nothing`);
  });
  const end = windows.at(-1)!;
  if (nanoseconds(end.to) < lastCommit)
    gap(`the last commit, ${lastCommit} ns, is after the last window's end, ${end.to}`);
  return defects;
}

/** Nanoseconds since 1970 of a bound. */
export function nanoseconds(bound: string): bigint {
  return BigInt(Date.parse(bound)) * 1_000_000n;
}
