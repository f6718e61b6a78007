import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle, FUNCTIONS, functionEntries, type Bundle } from '../../scripts/bundle.ts';
import { inventoryOf, type Inventory, type Package } from '../../scripts/inventory.ts';
import { checkLicenses, EXCEPTIONS } from '../../scripts/licenses.ts';
import { notices } from '../../scripts/notices.ts';
import { sbom } from '../../scripts/sbom.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowmelt-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a script in a fresh Node with the bundle as `bundled`, far from any node_modules; answers what it prints. */
function run(path: string, script: string, env: Record<string, string> = {}): string {
  const source = `const bundled = await import(${JSON.stringify(pathToFileURL(path).href)});\n${script}\nprocess.exit();`;
  return execFileSync(process.execPath, ['--enable-source-maps', '--input-type=module', '-e', source], {
    cwd: folder,
    env,
    encoding: 'utf8',
  }).trim();
}

describe('what every function may need', () => {
  // Beside the sources, so that packages are found; the bundle itself is elsewhere.
  const sources = join(import.meta.dirname, '../../.cache/bundle-test');
  let built: Bundle;

  beforeAll(async () => {
    mkdirSync(sources, { recursive: true });
    writeFileSync(
      join(sources, 'index.ts'),
      `import snowflake from 'snowflake-sdk';
       import SfTimestamp from 'snowflake-sdk/dist/lib/connection/result/sf_timestamp.js';
       import kafkajs from 'kafkajs';
       import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
       import { Logger } from '@aws-lambda-powertools/logger';
       snowflake.configure({ logLevel: 'OFF' });
       const { Kafka, logLevel } = kafkajs;
       const sdk = { accessUrl: 'http://127.0.0.1:1', account: 'a', username: 'u', sfRetryMaxLoginRetries: 0 };
       export const signIn = (auth: object) =>
         new Promise((resolve) => snowflake.createConnection({ ...sdk, ...auth }).connect((error) => resolve(error?.message)));
       export const connect = () =>
         new Kafka({ brokers: ['127.0.0.1:1'], retry: { retries: 0 }, logLevel: logLevel.NOTHING })
           .admin().connect().catch((error: Error) => error.message);
       export const typed = () => String(new SfTimestamp(1767323045, 678_000_000, 3, 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM'));
       export const others = [typeof DynamoDBClient, typeof Logger].join();`,
    );
    [built] = (await bundle({ any: join(sources, 'index.ts') }, folder)) as [Bundle];
  });
  afterAll(() => rmSync(sources, { recursive: true }));

  test('the ways of signing in to Snowflake get as far as the network', () => {
    const script = `
      import { generateKeyPairSync } from 'node:crypto';
      const pem = { type: 'pkcs8', format: 'pem' };
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: pem, publicKeyEncoding: { ...pem, type: 'spki' } });
      console.log(await bundled.signIn({ authenticator: 'SNOWFLAKE_JWT', privateKey }));
      console.log(await bundled.signIn({ authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', token: 't' }));
      console.log(await bundled.signIn({ authenticator: 'WORKLOAD_IDENTITY', workloadIdentityProvider: 'AWS' }));`;
    const key = { AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's' };
    const answers = run(built.path, script, { ...key, SNOWFLAKE_WIF_ALLOWED_HOST_SUFFIXES: '127.0.0.1' }).split('\n');
    expect(answers).toHaveLength(3);
    for (const answer of answers) expect(answer).toContain('ECONNREFUSED 127.0.0.1:1');
  });

  test('so does Kafka, and the other clients are there', () => {
    expect(run(built.path, 'console.log(await bundled.connect(), bundled.others);')).toMatch(
      /ECONNREFUSED 127.0.0.1:1.* function,function$/,
    );
  });

  test('what converts typed cells is loaded late, and works', () => {
    expect(run(built.path, 'console.log(bundled.typed());')).toBe('2026-01-02 12:04:05.678 +0900');
  });

  test('importing it sets what keeps snowflake-sdk from asking around, and prints nothing', () => {
    const script = `console.log(process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION, process.env.SNOWFLAKE_DISABLE_MINICORE);`;
    expect(run(built.path, script)).toBe('true true');
  });

  test('at most 2 MB', () => {
    expect(built.bytes).toBeLessThan(2e6);
  });

  test('the same sources give the same bytes', async () => {
    const [again] = (await bundle({ any: join(sources, 'index.ts') }, join(folder, 'again'))) as [Bundle];
    expect(readFileSync(again.path).equals(readFileSync(built.path))).toBe(true);
  });
});

describe('the functions', () => {
  let built: Bundle[];
  beforeAll(async () => {
    built = await bundle(functionEntries(), folder);
  });

  test.each(['plan', 'publish', 'operate', 'recount'])(
    '%s is imported, reads its configuration and says what is wrong with it',
    (name) => {
      const { path, bytes } = built.find((one) => one.name === name)!;
      expect(bytes).toBeLessThan(2e6);
      const event = { every: 'rate(1 minute)', detail: { source: 'flights', partition: 0 } };
      const script = `
      const context = { awsRequestId: 'x', getRemainingTimeInMillis: () => 1000 };
      await bundled.handler(${JSON.stringify(event)}, context).catch((error) => console.log(error.code, error.message));`;
      const printed = run(path, script, { SNOWMELT_CONFIG: join(folder, 'none.json') });
      expect(printed).toMatch(/^CONFIG_INVALID .*none\.json: ENOENT/);
    },
  );

  describe('are made of packages that', () => {
    type Component = Record<'type' | 'name' | 'version' | 'purl' | 'bom-ref', string> & {
      group?: string;
      licenses: { license: { id: string } }[];
      properties: { name: string; value: string }[];
    };
    type Bom = Record<'bomFormat' | 'specVersion' | 'serialNumber', string> & {
      version: number;
      metadata: { component: Omit<Component, 'purl' | 'properties'> };
      components: Component[];
      dependencies: { ref: string; dependsOn: string[] }[];
    };
    let inventory: Inventory;
    let bom: Bom;
    beforeAll(() => {
      inventory = inventoryOf(built);
      bom = JSON.parse(JSON.stringify(sbom(inventory))) as Bom;
    });
    const names = () => bom.components.map(({ group, name }) => (group === undefined ? name : `${group}/${name}`));

    test('a CycloneDX document lists', () => {
      expect(bom).toMatchObject({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 });
      expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
      expect(bom.metadata.component).toMatchObject({ type: 'application', name: 'snowmelt' });
      for (const [i, component] of bom.components.entries()) {
        const { type, version, purl, licenses, properties } = component;
        expect(type).toBe('library');
        expect(purl).toBe(`pkg:npm/${names()[i]!.replace('@', '%40')}@${version}`);
        expect(component['bom-ref']).toBe(purl);
        expect(licenses).toEqual([{ license: { id: expect.stringMatching(/^[A-Za-z0-9.-]+$/) as string } }]);
        for (const { value } of properties) expect(FUNCTIONS).toContain(value);
        expect(properties.length).toBeGreaterThan(0);
      }
      expect(new Set(bom.components.map(({ purl }) => purl)).size).toBe(bom.components.length);
    });

    test('what is used is reached from the product, and nothing else', () => {
      const uses = new Map(bom.dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
      const reached = new Set<string>();
      const todo = [bom.metadata.component['bom-ref']];
      for (const ref of todo) {
        if (reached.has(ref)) continue;
        reached.add(ref);
        todo.push(...uses.get(ref)!);
      }
      reached.delete(bom.metadata.component['bom-ref']);
      expect([...reached].sort()).toEqual(bom.components.map(({ purl }) => purl).sort());
    });

    test('are those of the product, none of its tools, and none that the bundle leaves out', () => {
      type Manifest = { dependencies: Record<string, string>; devDependencies: Record<string, string> };
      const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as Manifest;
      const used = ['snowflake-sdk', 'kafkajs', '@aws-sdk/client-dynamodb', '@aws-sdk/client-eventbridge'];
      for (const name of [...used, '@aws-sdk/client-secrets-manager', '@aws-lambda-powertools/logger']) {
        expect(bom.components[names().indexOf(name)]).toMatchObject({ version: manifest.dependencies[name] });
      }
      // The last four are of the command line, of the deployment, and stubs.
      const unused = [
        ...Object.keys(manifest.devDependencies),
        'commander',
        'aws-cdk-lib',
        'winston',
        '@azure/identity',
      ];
      expect(names().filter((name) => unused.includes(name))).toEqual([]);
    });

    test('run no code when they are installed', () => {
      type Lock = { packages: Record<string, { version: string; hasInstallScript?: true }> };
      const lock = JSON.parse(readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8')) as Lock;
      const entryOf = ({ folder }: Package) => lock.packages[folder.slice(folder.indexOf('node_modules/'))];
      for (const one of inventory.packages) {
        expect(entryOf(one)).toMatchObject({ version: one.version });
        expect(entryOf(one)).not.toHaveProperty('hasInstallScript');
      }
    });

    test('have a license that may be passed on, or are excepted for a reason', () => {
      expect(() => checkLicenses(inventory.packages)).not.toThrow();
      const copyleft = { name: 'other', version: '1.0.0', license: 'GPL-3.0-only' };
      expect(() => checkLicenses([...inventory.packages, copyleft])).toThrow('other 1.0.0 (GPL-3.0-only)');
      for (const [name, { license, reason }] of Object.entries(EXCEPTIONS)) {
        expect(inventory.packages.find((one) => one.name === name)).toMatchObject({ license });
        expect(reason).not.toBe('');
      }
    });

    test('have their licenses told in full', () => {
      const [list, ...texts] = notices(inventory.packages).split(`${'-'.repeat(80)}\n`);
      for (const { name, version, license } of inventory.packages) {
        expect(list).toContain(`  ${name} ${version}: ${license}\n`);
        const text = texts.find((one) => one.split('\n').includes(`${name} ${version}`));
        expect(text).toMatch(/permission|license|public domain/i);
        expect(text!.length).toBeGreaterThan(500);
      }
      // Its license asks that the file goes along.
      const notice = readFileSync(join(packageFolder('aws-msk-iam-sasl-signer-js'), 'NOTICE'), 'utf8').trim();
      expect(texts.join()).toContain(notice);
    });

    const packageFolder = (name: string) => inventory.packages.find((one) => one.name === name)!.folder;
  });
});
