/**
 * What the functions are made of, as a CycloneDX 1.6 document. It has no time and its serial number follows from its content:
 * the same bundles give the same document.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Inventory, Package } from './inventory.ts';

const ROOT = 'snowmelt';

export function sbom({ packages, direct }: Inventory): object {
  const { version, license } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as Pick<
    Package,
    'version' | 'license'
  >;
  const content = {
    metadata: {
      component: {
        type: 'application',
        'bom-ref': ROOT,
        name: 'snowmelt',
        version,
        licenses: [{ license: { id: license } }],
      },
    },
    components: packages.map(component),
    dependencies: [
      { ref: ROOT, dependsOn: contained(direct) },
      ...packages.map(({ purl, uses }) => ({ ref: purl, dependsOn: contained(uses) })),
    ],
  };
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(content))}`,
    version: 1,
    ...content,
  };
}

function contained(packages: Set<Package>): string[] {
  return [...packages]
    .filter(({ functions }) => functions.size > 0)
    .map(({ purl }) => purl)
    .toSorted();
}

function component({ name, version, license, purl, functions }: Package): object {
  const [scope, bare] = name.startsWith('@') ? name.split('/') : [];
  return {
    type: 'library',
    'bom-ref': purl,
    ...(scope !== undefined && { group: scope }),
    name: bare ?? name,
    version,
    licenses: [{ license: { id: license } }],
    purl,
    properties: [...functions].toSorted().map((value) => ({ name: 'snowmelt:function', value })),
  };
}

/** RFC 9562, version 8: made of a hash. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}
