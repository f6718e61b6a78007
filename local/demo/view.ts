/** What `npm start` shows: pure, from numbers to lines of at most `width` columns. */

export type PartitionLine = {
  partition: number;
  state: string;
  watermark: string | null;
  lagSeconds: number;
  rowsPerSecond: number;
  published: number;
  error: string | null;
};

export type SourceModel = {
  name: string;
  object: string;
  topic: string;
  windows: number;
  /** null before the snapshot's window is there, and once all of it is published. */
  snapshot: { published: number; planned: number } | null;
  partitions: PartitionLine[];
  error: string | null;
};

export type ViewModel = {
  seconds: number;
  sources: SourceModel[];
  writer: { commits: number; changes: number } | null;
  warehouse: { resumes: number; statements: number; gates: number } | null;
  invocations: number;
};

const COLUMNS = [4, 14, 12, 8, 10, 13] as const;

/** The live view. */
export function render(model: ViewModel, width = 80): string[] {
  const lines: string[] = [];
  for (const source of model.sources) {
    lines.push(`${source.name}: ${source.object} -> ${source.topic}, ${count(source.windows)} windows`);
    if (source.snapshot !== null) lines.push(progressBar(source.snapshot, width));
    lines.push(row(['part', 'state', 'watermark', 'lag', 'rows/s', 'rows']));
    for (const line of source.partitions) {
      lines.push(partitionRow(line));
      if (line.error !== null) lines.push(`     last error: ${line.error}`);
    }
    if (source.error !== null) lines.push(`last error: ${source.error}`);
    lines.push('');
  }
  lines.push(...totals(model));
  return lines.map((line) => fit(line, width));
}

/** One line for logs and pipes. */
export function plainLine(model: ViewModel): string {
  const sources = model.sources.map(({ name, windows, partitions, snapshot, error }) => {
    const rows = partitions.reduce((sum, one) => sum + one.published, 0);
    const rate = partitions.reduce((sum, one) => sum + one.rowsPerSecond, 0);
    const lag = Math.max(0, ...partitions.map((one) => one.lagSeconds));
    const part = snapshot === null ? '' : `, snapshot ${percent(snapshot)}`;
    const failed = error ?? partitions.find((one) => one.error !== null)?.error;
    return (
      `${name}: ${count(windows)} windows, ${count(rows)} rows, ${count(rate)}/s, lag ${seconds(lag)}${part}` +
      (failed === undefined ? '' : `, last error: ${failed}`)
    );
  });
  return oneLine(`${clock(model.seconds)} ${sources.join('; ')}`);
}

/** What is said at the end. */
export function summary(model: ViewModel): string[] {
  const lines = model.sources.map(({ name, topic, windows, partitions }) => {
    const rows = partitions.reduce((sum, one) => sum + one.published, 0);
    return `${name}: ${count(rows)} rows of ${count(windows)} windows published to ${topic}`;
  });
  return [...lines, ...totals(model)];
}

function totals({ seconds, writer, warehouse, invocations }: ViewModel): string[] {
  const lines = [`${clock(seconds)}   ${count(invocations)} invocations`];
  if (writer !== null)
    lines.push(`writer      ${count(writer.commits)} commits, ${count(writer.changes)} changed rows`);
  if (warehouse !== null) {
    const { gates, statements, resumes } = warehouse;
    lines.push(
      `warehouse   ${count(gates)} statements without it, ${count(statements)} with it, ${count(resumes)} resumes`,
    );
  }
  return lines;
}

function partitionRow({ partition, state, watermark, lagSeconds, rowsPerSecond, published }: PartitionLine): string {
  const time = watermark?.slice(11, 23) ?? '-';
  const lag = watermark === null ? '-' : seconds(lagSeconds);
  return row([String(partition), state, time, lag, count(rowsPerSecond), count(published)]);
}

/** Numbers to the right, words to the left. */
function row(cells: string[]): string {
  const words = new Set([1, 2]);
  return cells.map((cell, i) => (words.has(i) ? cell.padEnd(COLUMNS[i]!) : cell.padStart(COLUMNS[i]!))).join('  ');
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

function clock(total: number): string {
  const part = (n: number) => String(n).padStart(2, '0');
  const whole = Math.floor(total);
  return `${part(Math.floor(whole / 3600))}:${part(Math.floor(whole / 60) % 60)}:${part(whole % 60)}`;
}

function seconds(value: number): string {
  return value < 100 ? `${value.toFixed(1)} s` : `${count(value)} s`;
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Errors may hold anything. */
function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').trimEnd();
}

function fit(line: string, width: number): string {
  const clean = oneLine(line);
  return clean.length <= width ? clean : `${clean.slice(0, width - 3)}...`;
}
