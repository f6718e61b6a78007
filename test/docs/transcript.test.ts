import { expect, test } from 'vitest';
import { commandsOf, rerun, withoutVarying, type Shell } from './transcript.ts';

const page = `# status

<!-- scene: published, stopped -->

\`\`\`text
$ npx snowmelt status
orders  00:01:02  30.5 s  2:5
$ echo $?
0
\`\`\`

Words.

\`\`\`text
no command
\`\`\`

<!-- scene: mended -->

\`\`\`text
$ npx snowmelt resume orders \\
    --reason "mended"
orders is active.
\`\`\`
`;

function shellOf(outputs: string[]): Shell & { did: string[] } {
  const did: string[] = [];
  return {
    did,
    play: async (scene) => void did.push(`scene ${scene}`),
    run: async (command) => (did.push(command), outputs.shift()!),
  };
}

test('scenes and commands come in the order of the page; what varies alone changes nothing', async () => {
  const shell = shellOf(['orders  13:04:09   2 min  2:5\n', '0\n', 'orders is active.\n']);
  expect(await rerun(page, shell)).toBe(page);
  const commands = ['npx snowmelt status', 'echo $?', 'npx snowmelt resume orders \\\n    --reason "mended"'];
  expect(shell.did).toEqual(['scene published', 'scene stopped', ...commands.slice(0, 2), 'scene mended', commands[2]]);
  expect(commandsOf(page)).toEqual(commands);
});

test('anything else is put into the page, and only that', async () => {
  const shell = shellOf(['orders  13:04:09  2 min  2:6\n', '0\n', '']);
  expect(await rerun(page, shell)).toBe(
    page.replace('orders  00:01:02  30.5 s  2:5', 'orders  13:04:09  2 min  2:6').replace('orders is active.\n', ''),
  );
});

test('numbers that mean something do not vary', () => {
  for (const text of ['window 3', '2:2500', '192 rows', 'partitions 2 -> 4', '1,500', 'exactly 3 sources', '1.5'])
    expect(withoutVarying(text)).toBe(text);
  expect(withoutVarying('{"ts_ms":1795809733350,"row":2}')).toBe('{"ts_ms":<time>,"row":2}');
  expect(withoutVarying('up to 2026-01-31T12:00:00.000Z, fresh to 3 min, orders-1@84')).toBe(
    'up to <time>, fresh to <span>, orders-1@<offset>',
  );
});
