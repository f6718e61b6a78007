import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { root } from './commands.ts';
import { PAGES, playPages, readPage } from './pages.ts';
import { commandsOf } from './transcript.ts';

test('every command has a transcript, in a page that the overview names', () => {
  const help = execFileSync(process.execPath, ['cli/snowmelt.js', '--help'], { cwd: root, encoding: 'utf8' });
  const listed = help.slice(help.indexOf('Commands:'), help.indexOf('Examples:'));
  const commands = [...listed.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name!);
  expect(commands.length).toBeGreaterThan(8);
  const shown = PAGES.flatMap((name) => commandsOf(readPage(name)).map((command) => command.split(' ')[2]));
  expect(commands.filter((name) => name !== 'help' && !shown.includes(name))).toEqual([]);
  const overview = readPage('README.md');
  expect(PAGES.filter((name) => !overview.includes(`(${name})`))).toEqual([]);
});

playPages(0);
