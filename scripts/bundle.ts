/**
 * Builds the functions: `dist/<function>/index.mjs`, one ES module each for Node 24, with source map. Beside them goes what they
 * are made of: `dist/sbom.cdx.json` and `dist/THIRD-PARTY-NOTICES.txt`.
 *
 *   node scripts/bundle.ts [--time]     --time also prints how long each takes to import
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Metafile, type Plugin } from 'esbuild';
import { inventoryOf } from './inventory.ts';
import { checkLicenses } from './licenses.ts';
import { notices } from './notices.ts';
import { sbom } from './sbom.ts';

const root = join(import.meta.dirname, '..');

export const FUNCTIONS = ['plan', 'publish', 'operate', 'recount'];

/** `metafile`: which files it was made of. */
export type Bundle = { name: string; path: string; bytes: number; metafile: Metafile };

/**
 * What snowflake-sdk imports for file transfers, other clouds' identities, browser sign-in and pools: two thirds of it, used by
 * no statement of ours. An `external` would not do: the imports run when the SDK is loaded.
 */
const UNUSED_BY_SNOWFLAKE_SDK = new Set([
  '@aws-sdk/client-s3',
  '@aws-sdk/ec2-metadata-service',
  '@azure/identity',
  '@azure/storage-blob',
  '@smithy/node-http-handler',
  'fast-xml-parser',
  'generic-pool',
  'google-auth-library',
  'mime-types',
  'oauth4webapi',
  'open',
  'toml',
]);

/** Loads without a murmur and throws when it is called. */
function stub(name: string): string {
  return `const stub = new Proxy(function () { throw new Error(${JSON.stringify(`${name} is left out of the bundle`)}); }, {
    get: (target, key) => key === '__esModule' || (key === 'prototype' ? target.prototype : typeof key === 'symbol' ? undefined : stub),
  });
  module.exports = stub;`;
}

/** winston, to which the SDK logs at level OFF: whatever is called does nothing. */
const SILENCE = `const silence = new Proxy(function () { return silence; }, { get: (_, key) => key === 'then' ? undefined : silence });
  module.exports = silence;`;

const SHORT_TIME_ZONES = 'moment-timezone/builds/moment-timezone-with-data-10-year-range.js';

/**
 * What snowflake-sdk loads to convert typed cells: a fifth of the time that an import takes, and every cell of ours is text. It
 * is there if it should be touched after all. Time zones matter only to typed timestamps, so few years of them do.
 */
const LATER_IN_SNOWFLAKE_SDK: Record<string, string> = {
  'big-integer': 'big-integer',
  moment: SHORT_TIME_ZONES,
  'moment-timezone': SHORT_TIME_ZONES,
};

/** Touched by the first sign-in: over a quarter of what an import takes, and an invocation that finds nothing to do makes none. */
const LATER = new Set(['snowflake-sdk']);

/** Stands for a function that is also an object, and loads it when it is first touched. */
function later(path: string): string {
  return `let loaded;
  const load = () => (loaded ??= require(${JSON.stringify(path)}));
  module.exports = new Proxy(function () {}, {
    get: (_, key) => (key === '__esModule' ? undefined : load()[key]),
    apply: (_, self, args) => Reflect.apply(load(), self, args),
    construct: (_, args) => Reflect.construct(load(), args),
  });`;
}

const slimSnowflakeSdk: Plugin = {
  name: 'slim-snowflake-sdk',
  setup(esbuild) {
    esbuild.onResolve({ filter: /^[@a-z]/ }, ({ path, importer }) => {
      // 140 KB of file types, for names of uploads.
      if (path === 'mime-db') return { path, namespace: 'empty' };
      if (LATER.has(path)) return { path: fileURLToPath(import.meta.resolve(path)), namespace: 'later' };
      if (!importer.includes(join('node_modules', 'snowflake-sdk'))) return undefined;
      if (UNUSED_BY_SNOWFLAKE_SDK.has(path)) return { path, namespace: 'stub' };
      if (path === 'winston') return { path, namespace: 'silence' };
      const delayed = LATER_IN_SNOWFLAKE_SDK[path];
      if (delayed !== undefined) return { path: fileURLToPath(import.meta.resolve(delayed)), namespace: 'later' };
      return undefined;
    });
    esbuild.onLoad({ filter: /.*/, namespace: 'stub' }, ({ path }) => ({ contents: stub(path), loader: 'js' }));
    esbuild.onLoad({ filter: /.*/, namespace: 'later' }, ({ path }) => ({
      contents: later(path),
      loader: 'js',
      resolveDir: root,
    }));
    esbuild.onLoad({ filter: /.*/, namespace: 'silence' }, () => ({ contents: SILENCE, loader: 'js' }));
    esbuild.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};', loader: 'js' }));
  },
};

/**
 * CommonJS packages inside an ES module need `require` and the two paths (the aliases don't collide with an import of the same
 * name). snowflake-sdk asks metadata services and sends telemetry when it is loaded unless these are set before.
 */
const BANNER = `
import { createRequire as snowmeltRequire } from 'node:module';
import { fileURLToPath as snowmeltPath } from 'node:url';
const require = snowmeltRequire(import.meta.url);
const __filename = snowmeltPath(import.meta.url);
const __dirname = snowmeltPath(new URL('.', import.meta.url));
process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION = 'true';
process.env.SNOWFLAKE_DISABLE_MINICORE = 'true';
process.env.SF_TELEMETRY_DISABLE_CONNECTION_SHAPE = '1';
`.trim();

/** Bundles each entry to `<outdir>/<name>/index.mjs`. The same sources give the same bytes, so that a deployment sees no change. */
export async function bundle(entries: Record<string, string>, outdir: string): Promise<Bundle[]> {
  return Promise.all(
    Object.entries(entries).map(async ([name, entry]) => {
      const path = join(outdir, name, 'index.mjs');
      const { metafile } = await build({
        entryPoints: [entry],
        outfile: path,
        absWorkingDir: root,
        bundle: true,
        platform: 'node',
        target: 'node24',
        format: 'esm',
        mainFields: ['module', 'main'],
        minify: true,
        sourcemap: true,
        sourcesContent: false,
        legalComments: 'none',
        logLevel: 'warning',
        metafile: true,
        banner: { js: BANNER },
        plugins: [slimSnowflakeSdk],
      });
      return { name, path, bytes: metafile.outputs[relative(root, path)]!.bytes, metafile };
    }),
  );
}

export function functionEntries(): Record<string, string> {
  return Object.fromEntries(FUNCTIONS.map((name) => [name, join(root, 'lambdas', name, 'index.ts')]));
}

/** Milliseconds that a fresh process takes to import the file; the best of three. */
export function importMs(path: string): number {
  const script = `const t = performance.now(); await import(${JSON.stringify(pathToFileURL(path).href)}); console.log(performance.now() - t); process.exit();`;
  const run = () => Number(execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' }));
  return Math.round(Math.min(run(), run(), run()));
}

if (import.meta.main) {
  const entries = functionEntries();
  const missing = Object.values(entries).filter((entry) => !existsSync(entry));
  if (missing.length > 0) throw new Error(`no ${missing.map((path) => relative(root, path)).join(', ')}`);
  const dist = join(root, 'dist');
  const bundles = await bundle(entries, dist);
  for (const { path, bytes } of bundles) {
    const time = process.argv.includes('--time') ? `, imported in ${importMs(path)} ms` : '';
    console.log(`${relative(root, path)}: ${(bytes / 1e6).toFixed(2)} MB${time}`);
  }
  const inventory = inventoryOf(bundles);
  checkLicenses(inventory.packages);
  writeFileSync(join(dist, 'sbom.cdx.json'), `${JSON.stringify(sbom(inventory), null, 2)}\n`);
  writeFileSync(join(dist, 'THIRD-PARTY-NOTICES.txt'), notices(inventory.packages));
  console.log(`dist/sbom.cdx.json, dist/THIRD-PARTY-NOTICES.txt: ${inventory.packages.length} packages`);
}
