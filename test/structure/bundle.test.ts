import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundle, functionEntries, type Bundle } from '../../scripts/bundle.ts';

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
});
