/** Sources as lines of at most `width` columns, for `status` and for `npm start`. Pure. */
import { ERRORS, type ErrorCode } from '../lambdas/errors.ts';
import type { StoredError } from '../lambdas/protocol/ports/state.ts';
import { count, duration, fit, oneLine } from './format.ts';
import type { PartitionStatus, SourceStatus, Verdict } from './source-status.ts';

const COLUMNS = [4, 14, 9, 7, 12, 10, 8] as const;
const INDENT = ' '.repeat(6);
const WORDS = new Set([1, 2, 4]);

export const SAYS: Record<Verdict, string> = {
  fine: 'fine',
  paused: 'paused',
  'not-started': 'nothing was read of it yet',
  stale: 'older than its objective',
  stalled: 'has rows to send and sends none',
  history: 'Time Travel runs out',
  'needs-operator': 'needs an operator',
};

/** Several lines a source. */
export function renderSource(source: SourceStatus, width = 80): string[] {
  const { name, object, topic, head, unfinished, health, verdict, snapshot } = source;
  const facts = [
    `window ${count(head)}`,
    unfinished === 0 ? null : `${count(unfinished)} unfinished`,
    told('fresh to', health?.freshnessMs),
    told('history for', health?.historyLeftMs),
    (health?.deadLetters ?? 0) > 0 ? 'dead letters wait' : null,
  ].filter((fact) => fact !== null);
  const lines = [`${name}: ${object} -> ${topic}`, `${SAYS[verdict]}; ${facts.join(', ')}`];
  if (snapshot !== null) lines.push(progressBar(snapshot, width));
  if (source.partitions.length > 0) {
    lines.push(row(['part', 'state', 'watermark', 'lag', 'position', 'rows left', 'rows/s']));
  }
  for (const partition of source.partitions) {
    lines.push(partitionRow(partition));
    if (partition.error !== null) lines.push(...wrapped(`last error: ${errorText(partition.error)}`, width));
  }
  if (source.error !== null) lines.push(...wrapped(`last error: ${errorText(source.error)}`, width));
  if (verdict === 'needs-operator') lines.push(...wrapped(wayOut(source), width));
  return lines.map((line) => fit(line, width));
}

/** A source in a few words, for logs and pipes. */
export function sourceLine({ name, verdict, head, partitions, snapshot, error }: SourceStatus): string {
  const rate = partitions.reduce((sum, one) => sum + (one.rowsPerSecond ?? 0), 0);
  const lag = Math.max(0, ...partitions.map((one) => one.lagMs));
  const part = snapshot === null ? '' : `, snapshot ${percent(snapshot)}`;
  const failed = error ?? partitions.find((one) => one.error !== null)?.error ?? null;
  const said = verdict === 'fine' ? '' : `${verdict}, `;
  return oneLine(
    `${name}: ${said}window ${count(head)}, ${count(rate)} rows/s, lag ${duration(lag)}${part}` +
      (failed === null ? '' : `, last error: ${errorText(failed)}`),
  );
}

function errorText({ code, message }: StoredError): string {
  return `${code}: ${message}`;
}

/** The runbook's entry of the first error that stopped something. */
function wayOut({ error, partitions }: SourceStatus): string {
  const stopped = partitions.find(({ state }) => state === 'needs-operator')?.error ?? error;
  const code = stopped?.code ?? '';
  const facts = Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : null;
  if (facts === null) return 'what to do: docs/runbook.md';
  // What is tried again stops a partition, too, when it has been met often enough.
  const then = facts.retry === 'tick' ? ' Then `npx snowmelt resume SOURCE`.' : '';
  return `what to do: ${facts.action}${then} (docs/runbook.md, ${code})`;
}

/** Lines under the table, of whole words. */
function wrapped(text: string, width: number): string[] {
  const lines = [''];
  for (const word of oneLine(text).split(' ')) {
    const longer = `${lines.at(-1)!} ${word}`.trimStart();
    if (INDENT.length + longer.length <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map((line) => INDENT + line);
}

function told(what: string, ms: number | null | undefined): string | null {
  return ms === null || ms === undefined ? null : `${what} ${duration(ms)}`;
}

function partitionRow(of: PartitionStatus): string {
  const time = of.watermark?.slice(11, 19) ?? '-';
  const lag = of.watermark === null ? '-' : duration(of.lagMs);
  const rate = of.rowsPerSecond === null ? '-' : count(of.rowsPerSecond);
  return row([String(of.partition), of.state, time, lag, of.position ?? '-', count(of.waiting), rate]);
}

/** Numbers to the right, words to the left. */
function row(cells: string[]): string {
  return cells.map((cell, i) => (WORDS.has(i) ? cell.padEnd(COLUMNS[i]!) : cell.padStart(COLUMNS[i]!))).join('  ');
}

function progressBar(snapshot: { published: number; planned: number }, width: number): string {
  const text = ` ${percent(snapshot)}  ${count(snapshot.published)} of ${count(snapshot.planned)}`;
  const room = Math.max(10, Math.min(40, width - text.length - 12));
  const done = Math.round((room * snapshot.published) / Math.max(1, snapshot.planned));
  return `snapshot [${'#'.repeat(done)}${'.'.repeat(room - done)}]${text}`;
}

/** Never 100 % before all is done. */
function percent({ published, planned }: { published: number; planned: number }): string {
  return `${Math.floor((100 * published) / Math.max(1, planned))} %`;
}
