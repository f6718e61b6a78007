/**
 * Plays the pages of docs/commands: each command in them is run as it is printed, and prints what stands there. `npm run transcripts`
 * puts what is printed into the pages. Those of one file are played one after the other, in the order of their names, on the same
 * stand-ins, whose clock goes on; the files share the pages, each takes less than half a minute.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { root } from './commands.ts';
import { SCENES } from './scenes.ts';
import { Stage } from './stage.ts';
import { rerun, type Shell } from './transcript.ts';

const FILES = 3;
const folder = join(root, 'docs/commands');
const rewrites = process.env['TRANSCRIPTS'] === 'write';

export const PAGES = readdirSync(folder).filter((name) => name.endsWith('.md') && name !== 'README.md');
export const readPage = (name: string) => readFileSync(join(folder, name), 'utf8');

/** `file`: from 0 to 2. */
export function playPages(file: number): void {
  let stage: Stage;
  beforeAll(async () => {
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
    vi.spyOn(console, 'error').mockImplementation(() => undefined);
    stage = await Stage.start();
  });
  afterAll(async () => {
    await stage.stop();
    vi.restoreAllMocks();
  });
  const shell: Shell = {
    play: async (scene) => {
      const play = SCENES[scene];
      if (play === undefined)
        throw new Error(`no scene is called "${scene}"; there are ${Object.keys(SCENES).join(', ')}`);
      await play(stage);
    },
    run: (command) => stage.run(command),
  };
  test.each(PAGES.filter((_, i) => i % FILES === file))('%s', { timeout: 60_000 }, async (name) => {
    const page = readPage(name);
    const now = await rerun(page, shell);
    if (rewrites) writeFileSync(join(folder, name), now);
    else expect(now).toBe(page);
  });
}
