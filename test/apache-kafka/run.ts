/**
 * `npm run test:apache`: the suites that run on stand-ins by default, on the real things: all `*.kafka.test.ts` on
 * Apache Kafka, where the product holds the ACLs that are rendered for it, the checkpoint suite on Amazon's DynamoDB Local; then
 * those of the Kafka port once more, on a second client (docs/kafka-clients.md), a sample of the crash points on both, and Kafka Connect
 * with Debezium's sink on our records. Arguments go to vitest; names of files among them run those instead.
 *
 * NODES=3 starts three brokers instead of one.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startDynamoDbLocal } from './dynamodb-local.ts';
import { USERS } from './target.ts';
import { missingPrerequisite, startApacheKafka } from './start.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What the port promises, whichever client is behind it. */
const KAFKA_PORT = 'test/kafka/*.kafka.test.ts';
const SUITES = ['test/**/*.kafka.test.ts', 'test/checkpoints/*.local.test.ts'];

const missing = missingPrerequisite();
if (missing !== null) {
  console.error(missing);
  process.exit(1);
}

const CRASH_POINTS = ['test/crashpoints/main.ts', '--broker', 'apache', '--sample', '12'];

const args = process.argv.slice(2);
const named = args.some((arg) => !arg.startsWith('-'));
process.exitCode = await run(args);
if (process.exitCode === 0 && !named) process.exitCode = await node(CRASH_POINTS, {});
if (process.exitCode === 0 && !named) process.exitCode = await node(['test/connect/main.ts'], {});

async function run(args: readonly string[]): Promise<number> {
  const nodes = Number(process.env['NODES'] ?? 1);
  const [kafka, dynamo] = await Promise.all([startApacheKafka({ nodes, users: USERS }), startDynamoDbLocal()]);
  try {
    console.log(`Apache Kafka: ${kafka.brokers.join(',')}, DynamoDB Local: ${dynamo.endpoint}`);
    const env = {
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_SIGNED_IN: kafka.signedIn.join(','),
      DYNAMODB_ENDPOINT: dynamo.endpoint,
    };
    const code = await vitest([...(named ? [] : filesOf(SUITES)), ...args], env);
    if (code !== 0 || named) return code;
    return await vitest([...filesOf([KAFKA_PORT]), ...args], { ...env, KAFKA_CLIENT: 'second' });
  } finally {
    await Promise.all([kafka.stop(), dynamo.stop()]);
  }
}

function filesOf(patterns: string[]): string[] {
  return globSync(patterns, { cwd: root }).sort();
}

function vitest(args: readonly string[], env: Record<string, string>): Promise<number> {
  const entry = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
  return node([entry, 'run', ...args], env);
}

/** Runs a program and returns its exit code. */
async function node(args: readonly string[], env: Record<string, string>): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}
