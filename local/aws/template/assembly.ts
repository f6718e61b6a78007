/** A cloud assembly as `cdk synth` leaves it: the template, and where its assets are. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

export type Template = {
  Parameters?: Record<string, { Type: string; Default?: string }>;
  Resources: Record<string, Resource>;
};
export type Resource = { Type: string; Properties?: Record<string, unknown>; Condition?: string };

export type Assembly = {
  stack: string;
  template: Template;
  /** Folder of each asset, by its object key in the asset bucket. */
  assets: Map<string, string>;
};

type AssetManifest = {
  files?: Record<string, { source: { path?: string }; destinations: Record<string, { objectKey: string }> }>;
};

/** Reads the assembly's only stack, or the one that is named. */
export function readAssembly(folder: string, stack?: string): Assembly {
  const suffix = '.template.json';
  const stacks = readdirSync(folder)
    .filter((file) => file.endsWith(suffix))
    .map((file) => file.slice(0, -suffix.length));
  const name = stack ?? stacks[0];
  if (name === undefined || !stacks.includes(name) || (stack === undefined && stacks.length > 1)) {
    throw new Error(`${folder} holds the stacks ${stacks.join(', ') || '(none)'}: name one`);
  }
  const template = readJson(join(folder, name + suffix)) as Template;
  const manifestFile = join(folder, `${name}.assets.json`);
  const manifest = (existsSync(manifestFile) ? readJson(manifestFile) : {}) as AssetManifest;
  const assets = new Map<string, string>();
  for (const { source, destinations } of Object.values(manifest.files ?? {})) {
    const path = resolve(folder, source.path ?? '');
    if (source.path === undefined || !statSync(path).isDirectory()) continue; // the template itself is an asset too
    for (const { objectKey } of Object.values(destinations)) assets.set(objectKey, path);
  }
  return { stack: name, template, assets };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
