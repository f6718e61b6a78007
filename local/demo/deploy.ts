/** What `cdk deploy` would take: the built bundles and the synthesised template, made offline in a folder of this run. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { synthesize } from '../../infra/synthesize.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { bundle, functionEntries } from '../../scripts/bundle.ts';
import { readAssembly, type Assembly } from '../aws/template/assembly.ts';
import type { DemoConfig } from './config.ts';

/** Bundles, synthesises and reads the assembly back. */
export async function buildAssembly({ config, infrastructure }: DemoConfig, folder: string): Promise<Assembly> {
  const dist = join(folder, 'dist');
  const outdir = join(folder, 'cdk.out');
  await bundle(functionEntries(), dist);
  synthesize({ config, infrastructure }, dist, outdir);
  return readAssembly(outdir);
}

/** Writes what SNOWMELT_CONFIG names. */
export function writeConfig(config: ResolvedConfig, path: string): void {
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`);
}
