/** Bundled as the functions are: kafkajs' internals are there once and whole, and a closed client lets the process end. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Fixture, requestFor } from './fixture.ts';

const CLIENT = path.resolve(import.meta.dirname, '../../lambdas/kafka/client.ts');
let fixture: Fixture;
let folder: string;
beforeAll(async () => {
  fixture = await Fixture.start();
  folder = await mkdtemp(path.join(tmpdir(), 'snowmelt-bundle-'));
});
afterAll(async () => {
  await fixture.stop();
  await rm(folder, { recursive: true });
});

test('open, append, commit, close; then the process ends by itself', async () => {
  const source = await fixture.source(2);
  const request = requestFor(source.name, source.topic, 2);
  const marker = { position: { window: 1, row: 1 }, incarnation: 'i', digest: 'd', to: 't', last: 'l', at: 1 };
  const entry = path.join(folder, 'entry.ts');
  await writeFile(
    entry,
    `import { createKafka } from ${JSON.stringify(CLIENT)};
     const kafka = createKafka(${JSON.stringify(fixture.config())}, null);
     const producer = await kafka.open(${JSON.stringify(request)});
     producer.append(Buffer.from('keyvalue'), 0, 3, 3, 8, 1, 1);
     await producer.commit(${JSON.stringify(marker)});
     const opened = await kafka.open(${JSON.stringify(request)});
     opened.append(Buffer.from('keyvalue'), 0, 3, 3, 8, 1, 1);
     await kafka.close();
     console.log(JSON.stringify(opened.marker));`,
  );
  const outfile = path.join(folder, 'bundle.mjs');
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [outfile], { timeout: 20_000 });
  expect(JSON.parse(stdout)).toMatchObject(marker);
  expect(stderr).toBe('');
  expect(await source.values()).toEqual(['value']);
});
