/**
 * A page with transcripts: fences of `text` whose lines begin with `$ ` where a command is, followed by what it prints. Comments,
 * `<!-- scene: name -->`, say what happened before; scenes.ts plays them. What was printed then is compared with the page but for what
 * varies, or put into it.
 */

/** A shell's part: what a command prints. */
export type Shell = { play(scene: string): Promise<void>; run(command: string): Promise<string> };

const PART = /^<!-- scene: (.+) -->$|^```text\n((?:(?!```).*\n)*)```$/gm;

/** What is another with each run: times, spans of time, ids, places of records, sizes of what holds times, addresses. */
const VARIES: readonly [RegExp, string][] = [
  [/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?Z)?/g, '<time>'],
  [/\b\d\d:\d\d:\d\d\b/g, '<clock>'],
  [/"ts_ms":\d{13}\b/g, '"ts_ms":<time>'],
  [/ *(?<![\w.])\d+(?:\.\d+)? (?:s|min|h|d)\b/g, ' <span>'],
  [/^cluster \S+/gm, 'cluster <id>'],
  [/@\d+\b/g, '@<offset>'],
  [/[\d,]+ bytes/g, '<size> bytes'],
  [/127\.0\.0\.1:\d+/g, '<address>'],
];

export function withoutVarying(text: string): string {
  return VARIES.reduce((masked, [pattern, name]) => masked.replaceAll(pattern, name), text);
}

/** Commands of a page's transcripts, as they are printed. */
export function commandsOf(page: string): string[] {
  return [...page.matchAll(PART)].flatMap(([, , block]) =>
    block === undefined ? [] : stepsOf(block).map(({ command }) => command),
  );
}

/** The page with what its commands print now; a text that differs in nothing but what varies stays. */
export async function rerun(page: string, shell: Shell): Promise<string> {
  let written = '';
  let at = 0;
  for (const match of page.matchAll(PART)) {
    const [whole, scene, block] = match;
    written += page.slice(at, match.index);
    at = match.index + whole.length;
    if (scene !== undefined) for (const name of scene.split(', ')) await shell.play(name);
    written +=
      block === undefined || !block.startsWith('$ ') ? whole : `\`\`\`text\n${await rerunBlock(block, shell)}\`\`\``;
  }
  return written + page.slice(at);
}

type Step = { command: string; output: string };

async function rerunBlock(block: string, shell: Shell): Promise<string> {
  let written = '';
  for (const { command, output } of stepsOf(block)) {
    const printed = await shell.run(command);
    const same = withoutVarying(printed) === withoutVarying(output);
    written += `$ ${command}\n${same ? output : printed}`;
  }
  return written;
}

/** A command may go on in the next line, after a backslash. */
function stepsOf(block: string): Step[] {
  if (!block.startsWith('$ ')) return [];
  return block
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command] = /^(?:.*\\\n)*.*\n/.exec(step)!;
      return { command: command.trimEnd(), output: step.slice(command.length) };
    });
}
