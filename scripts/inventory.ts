/** The npm packages inside the bundles, by what esbuild took bytes of: not what package.json asks for, nor what is installed. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Metafile } from 'esbuild';
import type { Bundle } from './bundle.ts';

const root = join(import.meta.dirname, '..');

export type Package = {
  name: string;
  version: string;
  /** As its package.json says. */
  license: string;
  author: string;
  folder: string;
  purl: string;
  /** The functions that contain it. */
  functions: Set<string>;
  /** Packages that it imports; not all of them need be contained in a function. */
  uses: Set<Package>;
};

/** Packages in the order of their purls, and those that our own code imports. */
export type Inventory = { packages: Package[]; direct: Set<Package> };

type Manifest = {
  name: string;
  version: string;
  license?: string;
  /** The form of old packages. */
  licenses?: { type: string }[];
  author?: string | { name: string };
};

export function inventoryOf(bundles: Pick<Bundle, 'name' | 'metafile'>[]): Inventory {
  const byFolder = new Map<string, Package>();
  const byPurl = new Map<string, Package>();
  const direct = new Set<Package>();
  const ownerOf = (path: string): Package | null => {
    const folder = folderOf(path);
    if (folder === null) return null;
    const known = byFolder.get(folder);
    if (known !== undefined) return known;
    // The same version may be installed in more than one place.
    const read = readPackage(resolve(root, folder));
    const owner = byPurl.get(read.purl) ?? read;
    byPurl.set(read.purl, owner);
    byFolder.set(folder, owner);
    return owner;
  };
  for (const { name, metafile } of bundles) {
    const taken = takenBy(metafile);
    for (const path of Object.keys(metafile.inputs).filter((input) => !isVirtual(input))) {
      const owner = ownerOf(path);
      if (taken.has(path)) owner?.functions.add(name);
      for (const used of importsOf(metafile, path).map(ownerOf)) {
        if (used !== null && used !== owner) (owner?.uses ?? direct).add(used);
      }
    }
  }
  const packages = [...byPurl.values()]
    .filter(({ functions }) => functions.size > 0)
    .toSorted((a, b) => (a.purl < b.purl ? -1 : 1));
  return { packages, direct };
}

/** Files that gave the bundle at least a byte. */
function takenBy({ outputs }: Metafile): Set<string> {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  return new Set(inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([path]) => path));
}

/** Files that a file imports; through what stands for a file, those behind it. */
function importsOf(metafile: Metafile, path: string): string[] {
  const imports = metafile.inputs[path]?.imports ?? [];
  return imports
    .filter(({ external }) => external !== true)
    .flatMap(({ path: target }) => (isVirtual(target) ? importsOf(metafile, target) : [target]));
}

/** `stub:open`: what a plugin put in the place of a file is in no package. */
function isVirtual(path: string): boolean {
  return /^[a-z]+:/.test(path);
}

/** The innermost package that a file is in; null: our own. */
function folderOf(path: string): string | null {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? null;
}

function readPackage(folder: string): Package {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
  const { name, version, license, licenses, author } = manifest;
  return {
    name,
    version,
    license: license ?? licenses?.map(({ type }) => type).join(' OR ') ?? 'unknown',
    author: typeof author === 'string' ? author : (author?.name ?? `the authors of ${name}`),
    folder,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    functions: new Set(),
    uses: new Set(),
  };
}
