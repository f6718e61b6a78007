/** First of all: the windows' bounds must run without gap or overlap to past the last commit. */

/** A window as the checkpoint table has it. Bounds `(from, to]` are ISO 8601 with milliseconds. */
export type Bounds = { number: number; kind: string; from: string | null; to: string; void: boolean };

export type WindowDefect = { kind: 'gap' | 'overlap'; what: string };

/**
 * @param lastCommit nanoseconds since 1970 of the last commit that must be covered.
 * @throws on kinds of windows that this oracle knows nothing of: it would judge them wrongly.
 */
export function checkWindows(windows: readonly Bounds[], lastCommit: bigint): WindowDefect[] {
  const defects: WindowDefect[] = [];
  const gap = (what: string) => defects.push({ kind: 'gap', what });
  const overlap = (what: string) => defects.push({ kind: 'overlap', what });

  const first = windows[0];
  if (first === undefined) {
    gap('there is no window');
    return defects;
  }
  if (first.kind !== 'snapshot' || first.from !== null)
    gap(`window ${first.number} is first and no snapshot from the start`);
  windows.forEach((window, i) => {
    if (window.kind !== 'changes' && (i > 0 || window.kind !== 'snapshot')) {
      throw new Error(`window ${window.number} is a ${window.kind}; the oracle knows one snapshot and then changes`);
    }
    const before = windows[i - 1];
    if (before === undefined) return;
    const here = `between window ${before.number} and window ${window.number}`;
    if (window.number > before.number + 1) gap(`numbers are missing ${here}`);
    if (window.number <= before.number) overlap(`numbers repeat ${here}`);
    const from = window.from === null ? -Infinity : Date.parse(window.from);
    if (from > Date.parse(before.to)) gap(`${before.to} to ${window.from} lies ${here} in neither`);
    if (from < Date.parse(before.to)) overlap(`${window.from ?? 'the start'} to ${before.to} lies ${here} in both`);
    if (Date.parse(window.to) <= from) overlap(`window ${window.number} ends before it begins`);
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
