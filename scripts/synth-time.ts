/** `npm run synth:time`: how long a template takes for many sources, and how large it gets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, synthesize } from '../infra/synthesize.ts';
import { loadForStack, readConfigFile } from '../lambdas/config/load.ts';
import { emptyBundles } from '../test/infra/configs.ts';

const COUNT = 2_000;
const example = readConfigFile(join(root, 'config/example.yaml'));
const head = example.slice(0, example.indexOf('\nsources:'));
const source = (_: unknown, i: number) =>
  `  s${i}: { table: D.S.T${i}, key: [ID], topic: { name: many.t${i}, partitions: 3 }, every: ${(i % 60) + 1}m }`;
const text = `${head}\nsources:\n${Array.from({ length: COUNT }, source).join('\n')}\n`;

const folder = mkdtempSync(join(tmpdir(), 'snowmelt-many-'));
try {
  emptyBundles(folder);
  const began = performance.now();
  const cpu = process.cpuUsage();
  const template = synthesize(loadForStack(text, { path: 'many.yaml', deployment: 1 }), folder);
  const { user, system } = process.cpuUsage(cpu);
  const resources = Object.keys(template.Resources).length;
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  const kb = Math.round(JSON.stringify(template).length / 1024);
  const cpuSeconds = ((user + system) / 1e6).toFixed(1);
  console.log(`${COUNT} sources: ${seconds} s (${cpuSeconds} s of CPU), ${resources} resources, ${kb} KB`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
