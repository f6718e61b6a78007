/** The table keeps in step with the code, and a few rules show within seconds that they are needed; `npm run rules` has all. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { edited } from './edit-hook.ts';
import type { Line } from './main.ts';
import { RULES } from './rules.ts';

test.each(RULES.map((rule) => [rule.rule, rule] as const))(
  'turned off by text that is there once: %s',
  (_name, rule) => {
    for (const { file } of rule.edits) expect(() => edited(file, rule.edits)).not.toThrow();
  },
);

test('rules whose absence shows at once, and none with all of them in force', { timeout: 120_000 }, async () => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const only = '^$|wins over|every InitProducerId|`marked`|head is never|ranges|committed with';
  const output = await new Promise<string>((resolve) => {
    execFile(process.execPath, [main, '--json', '--lives', '80', '--only', only], (_error, stdout) => resolve(stdout));
  });
  const { lines, failed } = JSON.parse(output) as { lines: Line[]; failed: number };
  expect(failed, output).toBe(0);
  expect(lines).toHaveLength(7);
});
