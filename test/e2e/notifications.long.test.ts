/** From what a person does, and from what becomes of a source, to the topic that people listen to: through all that is deployed. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Notice } from '../../lambdas/protocol/ports/state.ts';
import { demoConfig } from '../../local/demo/config.ts';
import { openFeeds } from '../../local/demo/feeds.ts';
import { startStack } from '../../local/demo/stack.ts';

const root = new URL('../../', import.meta.url).pathname;
const TOPIC = 'arn:aws:sns:us-east-1:000000000000:people';
const path = join(root, 'config/local.yaml');
const yaml = `${readFileSync(path, 'utf8')}\naws: { notifications: '${TOPIC}' }\n`;

type Message = Notice & { app: string; source: string };
const untilHeard = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 100 });

test('a snapshot, a pause that the bus does not hear of at first, a resume', { timeout: 90_000 }, async () => {
  const demo = demoConfig(yaml, path, 1);
  const stack = await startStack(demo, { broker: 'embedded', seed: 1 }, { watchWire: false, minuteMs: 800 });
  try {
    const { aws } = stack;
    const heard: Message[] = [];
    aws.notices.on('message', ({ topic, message }) => {
      expect(topic).toBe(TOPIC);
      heard.push(message as Message);
    });
    const options = { rows: 200, seed: 1, maxRows: 10 };
    const feeds = await openFeeds(stack, options, () => undefined);
    aws.startSchedules();
    const types = () => heard.map(({ type }) => type);
    await untilHeard(() => expect(types()).toContain('snapshot-done'));

    const here = { config: join(stack.folder, 'config.json'), pid: process.pid };
    writeFileSync(join(stack.folder, 'snowmelt-local.json'), JSON.stringify(here));
    const snowmelt = (...args: string[]) =>
      new Promise<number>((resolve) => {
        const env = { ...process.env, TMPDIR: stack.folder };
        const command = [join(root, 'cli/snowmelt.js'), ...args, 'flights', '--local', '--reason', 'a rehearsal'];
        execFile(process.execPath, command, { env }, (error) => resolve(error === null ? 0 : Number(error.code)));
      });
    let refused = 0;
    const deaf = aws.intercept(({ operation, input }) => {
      const entries = (input['Entries'] ?? []) as { DetailType: string }[];
      const isNotice = operation === 'PutEvents' && entries.some(({ DetailType }) => DetailType === 'notification');
      return isNotice ? { before: () => (refused++, 'fail' as const) } : undefined;
    });
    // The table alone is asked.
    expect(await snowmelt('pause')).toBe(0);
    await untilHeard(() => expect(refused).toBeGreaterThan(0));
    expect(types()).not.toContain('changed');
    expect(await snowmelt('resume')).toBe(0);
    deaf();
    const changed = () => heard.filter((notice) => notice.type === 'changed');
    await untilHeard(() => expect(new Set(changed().map(({ number }) => number)).size).toBe(2));

    const once = [...new Map(heard.map((notice) => [notice.number, notice])).values()];
    expect(once.map(({ number }) => number)).toEqual(once.map((_, i) => i + 1));
    expect(new Set(heard.map(({ id }) => id)).size).toBe(once.length);
    expect(once).toMatchObject([
      { app: 'local', source: 'flights', type: 'snapshot-begun', window: 1, rows: 200, request: null },
      { type: 'snapshot-done', window: 1, rows: 200 },
      { type: 'changed', what: 'pause', why: 'a rehearsal', before: '{"paused":false,"waiting":[]}', after: 'paused' },
      { type: 'changed', what: 'resume', why: 'a rehearsal', after: 'active' },
    ]);
    for (const feed of new Set(feeds.values())) await feed.close();
  } finally {
    await stack.close();
  }
});
