import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadConfig, readConfigFile } from '../../lambdas/config/load.ts';
import { readResolvedConfig } from '../../lambdas/config/runtime.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowmelt-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const example = join(import.meta.dirname, '../../config/example.yaml');

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test('reads what was resolved, once per process', () => {
  const config = loadConfig(readConfigFile(example), { path: example, deployment: 3 });
  const path = file('good.json', JSON.stringify(config));
  const first = readResolvedConfig(path);
  expect(first).toEqual(config);
  writeFileSync(path, '{}');
  expect(readResolvedConfig(path)).toBe(first);
});

test.each([
  ['absent', join(folder, 'absent.json'), /absent\.json: ENOENT/],
  ['not JSON', file('text.json', 'app: x'), /text\.json: /],
  ['something else', file('other.json', '{"app":"x"}'), /lacks deployment, table, snowflake/],
  ['null', file('null.json', 'null'), /lacks app/],
])('a file that is %s is CONFIG_INVALID', (_, path, message) => {
  expect(() => readResolvedConfig(path)).toThrow(message);
  expect(() => readResolvedConfig(path)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});
