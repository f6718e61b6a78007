/** The benchmark runs and says what it should; how fast anything is, is not looked at. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readArguments } from '../../bench/arguments.ts';
import type { Line, Part } from '../../bench/part.ts';
import { parts } from '../../bench/parts.ts';
import { section, withSections, type Results } from '../../bench/report.ts';

const root = join(import.meta.dirname, '../..');

async function bench(...args: string[]): Promise<Results> {
  const child = spawn(process.execPath, [join(root, 'bench/main.ts'), '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, said] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  child.stderr.on('data', (text: Buffer) => (said += text.toString()));
  const [code] = (await once(child, 'close')) as [number];
  expect(code, said).toBe(0);
  return JSON.parse(out) as Results;
}

test('the path from chunks to checked records is measured', { timeout: 120_000 }, async () => {
  const results = await bench('--rows', '2000', '--runs', '1', '--broker', 'local', '--only', 'pipeline');
  expect(results.broker).toBe('the local broker (no Apache Kafka)');
  const { lines } = results.parts['pipeline'] as { lines: Line[] };
  expect(lines.map(({ name }) => name)).toContain('10 columns, 20000 rows');
  for (const { name, values } of lines) {
    for (const value of ['rows/s', 'CPU s/M rows', 'peak RSS MB', 'longest stall ms', 'runs'])
      expect(values[value], `${name}: ${value}`).toBeGreaterThanOrEqual(0);
  }
  expect(lines[1]!.values['B/row']).toBeGreaterThan(500);
});

test('arguments', () => {
  expect(readArguments(['--rows', '1_000', '--only', 'read'], ['read'])).toMatchObject({ rows: 1000, only: ['read'] });
  expect(readArguments(['--jdbc-source', 'a.jar'], [])).toMatchObject({ jdbcSource: 'a.jar' });
  expect(() => readArguments(['--only', 'reed'], ['read'])).toThrow('--only: no part reed; there are read');
  expect(() => readArguments(['--rows', '-1'], ['read'])).toThrow('--rows');
  expect(() => readArguments(['--broker', 'other'], ['read'])).toThrow('--broker');
});

test('every part has its place in the README, and a table is put there again and again', () => {
  const readme = readFileSync(join(root, 'bench/README.md'), 'utf8');
  const results: Results = {
    ...{ at: '2026-01-02T00:00:00.000Z', command: 'npm run bench', broker: 'no broker' },
    machine: { cpu: 'c', cores: 2, memoryGb: 8, system: 's', node: 'v24.0.0', pinned: false, load: 0 },
    parts: Object.fromEntries(
      parts.map(({ name }) => [name, { lines: [{ name: 'a line', values: { 'rows/s': 1234 } }] }]),
    ),
  };
  const once = withSections(readme, parts, results);
  expect(withSections(once, parts, results)).toBe(once);
  for (const part of parts) expect(once).toContain(section(part, results));
  expect(once).toContain('| a line | 1,234 |');
  const failed = { ...results, parts: { read: { failed: 'no reason' } } };
  expect(section(parts[0] as Part, failed)).toContain('Not measured: no reason');
});

test('the floor stays what it was', () => {
  const floor = readFileSync(join(root, 'bench/floor.ts'), 'utf8');
  expect(floor.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
  expect(floor).not.toMatch(/from '\.\.?\//);
});
