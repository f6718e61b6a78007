/** What `npm start` shows: the sources as `npx snowmelt status` shows them, and what goes on around them. Pure. */
import { count, fit, oneLine } from '../../cli/format.ts';
import { renderSource, sourceLine } from '../../cli/status-view.ts';
import type { SourceStatus } from '../../cli/source-status.ts';

export type ViewModel = {
  seconds: number;
  sources: SourceStatus[];
  writer: { commits: number; changes: number } | null;
  warehouse: { resumes: number; statements: number; gates: number } | null;
  invocations: number;
};

/** The live view. */
export function render(model: ViewModel, width = 80): string[] {
  const sources = model.sources.flatMap((source) => [...renderSource(source, width), '']);
  return [...sources, ...totals(model).map((line) => fit(line, width))];
}

/** One line for logs and pipes. */
export function plainLine(model: ViewModel): string {
  return oneLine(`${clock(model.seconds)} ${model.sources.map(sourceLine).join('; ')}`);
}

/** What is said at the end. */
export function summary(model: ViewModel): string[] {
  const lines = model.sources.map(({ name, topic, head }) => `${name}: ${count(head)} windows published to ${topic}`);
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

function clock(total: number): string {
  const part = (n: number) => String(n).padStart(2, '0');
  const whole = Math.floor(total);
  return `${part(Math.floor(whole / 3600))}:${part(Math.floor(whole / 60) % 60)}:${part(whole % 60)}`;
}
