import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Environment } from '../../local/aws/lambda/environment.ts';
import { startRuntimeApi, type RuntimeApi } from '../../local/aws/lambda/runtime-api.ts';
import { bundle, functionEntries, type Bundle } from '../../scripts/bundle.ts';
import { median, type Part } from '../part.ts';
import { pin, runPinned } from '../processes.ts';
import { round } from '../run.ts';

/** Starts of each function: four for each run of the other parts, 20 in all. */
const STARTS = 4;

/** An execution environment that tells when it asked for its first invocation: loading is over. */
class TimedEnvironment extends Environment {
  readonly ready = Promise.withResolvers<void>();

  override next(_response: ServerResponse): void {
    this.ready.resolve();
  }
}

async function initMs(api: RuntimeApi, { name, path }: Bundle): Promise<number> {
  const spec = {
    ...{ id: name, name, arn: name, root: join(path, '..'), handler: 'index.handler', timeoutMs: 900_000 },
    ...{ memoryMb: 1769, concurrency: null, environment: {}, layers: [], retries: 0, maxAgeMs: 60_000 },
    role: { name: 'bench', statements: [] },
  };
  const id = crypto.randomUUID();
  const began = performance.now();
  const on = { line: () => undefined, close: () => undefined };
  const environment = new TimedEnvironment(spec, api.address(id), { NODE_OPTIONS: '--enable-source-maps' }, on);
  pin(environment.pid);
  api.register(id, environment);
  await environment.ready.promise;
  const took = performance.now() - began;
  await environment.close();
  api.forget(id);
  return took;
}

async function importMs({ path }: Bundle): Promise<number> {
  const script = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(path).href)}); console.log(performance.now() - t); process.exit();`;
  return Number(await runPinned([process.execPath, '--enable-source-maps', '--input-type=module', '-e', script]));
}

/** From nothing to ready. */
export const cold: Part = {
  name: 'cold',
  what: 'import of each bundle in a fresh process, and the start of an execution environment until it asks for its first invocation (Node itself and the stand-in of the runtime included)',
  async run(context) {
    const folder = mkdtempSync(join(tmpdir(), 'snowmelt-cold-'));
    const api = await startRuntimeApi();
    try {
      const lines = [];
      for (const built of await bundle(functionEntries(), folder)) {
        const imports: number[] = [];
        const inits: number[] = [];
        for (let start = 0; start < STARTS * context.args.runs; start++) {
          imports.push(await importMs(built));
          inits.push(await initMs(api, built));
        }
        const values = {
          'bundle MB': round(built.bytes / 1e6, 2),
          'import ms': Math.round(median(imports)),
          'start ms': Math.round(median(inits)),
          starts: imports.length,
        };
        lines.push({ name: built.name, values });
      }
      return lines;
    } finally {
      await api.close();
      rmSync(folder, { recursive: true });
    }
  },
};
