/** The presets as a Markdown table, laid out as the formatter does. */
import { presetNames, PRESETS, presetQuery, type Preset } from '../lambdas/config/presets.ts';

const START = '<!-- presets: written by npm run schema -->\n';
const END = '<!-- end of presets -->';

/** The page with its table replaced by what the presets are. */
export function withPresets(page: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < 0) throw new Error('the page has no place for the presets');
  return `${page.slice(0, start)}${START}\n${table()}\n\n${page.slice(end)}`;
}

function table(): string {
  const code = (text: string) => `\`${text}\``;
  const rows = presetNames.map((name) => {
    const preset: Preset = PRESETS[name];
    const { from, key, cursor, latency, lag, note } = preset;
    return [
      code(name),
      code(from.replace('SNOWFLAKE.', '')),
      key.map(code).join(', '),
      code(cursor),
      latency ?? 'none',
      lag,
      preset.adds === undefined ? note : `${note} Query: ${code(presetQuery(preset))}.`,
    ];
  });
  const all = [
    ['preset', 'view of SNOWFLAKE', 'key', 'cursor', 'documented latency', '`lag`', 'what to know'],
    ...rows,
  ];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const [head, ...body] = all.map(line);
  return [head, line(widths.map((width) => '-'.repeat(width))), ...body].join('\n');
}
