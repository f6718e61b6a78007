/** Results as Markdown tables, which people read in a terminal too, and the section of bench/README.md that holds them. */
import type { Machine } from './machine.ts';
import type { Line, Part, Value } from './part.ts';

export type PartResult = { lines: Line[] } | { failed: string };
export type Results = {
  at: string;
  command: string;
  machine: Machine;
  broker: string;
  parts: Record<string, PartResult>;
};

/** One part, with what it took place on. */
export function section(part: Part, results: Results): string {
  const result = results.parts[part.name]!;
  const { machine, broker, at, command } = results;
  const body = 'failed' in result ? `Not measured: ${result.failed}` : table(result.lines);
  const place = [
    `${at.slice(0, 10)}, \`${command}\``,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}, Node ${machine.node}`,
    machine.pinned ? 'measured process alone on core 0' : 'not pinned to a core',
    broker,
    `load average before ${machine.load.toFixed(2)}`,
  ];
  return `### ${part.name}\n\n${sentence(part.what)}\n\n${body}\n\n${place.join('; ')}.\n`;
}

function table(lines: readonly Line[]): string {
  const columns = [...new Set(lines.flatMap(({ values }) => Object.keys(values)))];
  const rows = [
    ['', ...columns],
    columns.map(() => '---:').toSpliced(0, 0, '---'),
    ...lines.map(({ name, values }) => [name, ...columns.map((column) => text(values[column]))]),
  ];
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function text(value: Value | undefined): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'number' ? value.toLocaleString('en-US', { maximumFractionDigits: 3 }) : value;
}

function sentence(words: string): string {
  return `${words[0]!.toUpperCase()}${words.slice(1)}.`;
}

const begin = (part: string) => `<!-- ${part}: written by npm run bench -- --write -->`;
const end = (part: string) => `<!-- end of ${part} -->`;

/** The text with the parts' sections put between their markers. @throws Error when a marker is missing */
export function withSections(text: string, parts: readonly Part[], results: Results): string {
  let written = text;
  for (const part of parts.filter(({ name }) => results.parts[name] !== undefined)) {
    const from = written.indexOf(begin(part.name));
    const to = written.indexOf(end(part.name));
    if (from < 0 || to < from)
      throw new Error(`no place for ${part.name} between ${begin(part.name)} and ${end(part.name)}`);
    written = `${written.slice(0, from)}${begin(part.name)}\n\n${section(part, results)}\n${written.slice(to)}`;
  }
  return written;
}
