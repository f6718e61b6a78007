/** MiniStack as a process of its own with a clean environment: all of it is handed to every function. */
import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { setPriority } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pythonTools } from './venv.ts';

export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';

export type Emulator = {
  url: string;
  /** What an AWS client needs in its environment. */
  env: Record<string, string>;
  /** Processes of functions that run or wait. */
  workers(): number[];
  stop(): Promise<void>;
};

const UP_WITHIN_MS = 60_000;
const FIRST = -10;

/** `folder` takes its files and its log. */
export async function startEmulator(folder: string, settings: Record<string, string>): Promise<Emulator> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const bin = join(folder, 'bin');
  const temporary = join(folder, 'tmp');
  mkdirSync(bin, { recursive: true });
  mkdirSync(temporary, { recursive: true });
  symlinkSync(join(import.meta.dirname, 'node.sh'), join(bin, 'node'));
  const log = createWriteStream(join(folder, 'ministack.log'));
  const python = join(pythonTools('deploy', join(import.meta.dirname, 'requirements.txt')), 'python');
  const child = spawn(python, [join(import.meta.dirname, 'ministack_start.py')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
      HOME: folder,
      TMPDIR: temporary,
      LANG: 'C.UTF-8',
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
      MINISTACK_HOST: '127.0.0.1',
      MINISTACK_REGION: REGION,
      STATE_DIR: join(folder, 'state'),
      S3_DATA_DIR: join(folder, 's3'),
      LAMBDA_EXECUTOR: 'local',
      AUTH: 'true',
      SNOWMELT_NODE: process.execPath,
      ...settings,
    },
  });
  try {
    // One process is all of AWS here: on a busy machine the functions, at the usual priority again (node.sh), starved it.
    setPriority(child.pid!, FIRST);
  } catch {
    // Only root may.
  }
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async () => {
    child.kill();
    await ended;
  };
  process.once('exit', () => child.kill());
  for (const until = Date.now() + UP_WITHIN_MS; ; await sleep(100)) {
    if (await healthy(url)) break;
    if (child.exitCode === null && Date.now() < until) continue;
    await stop();
    throw new Error(`MiniStack did not start:\n${readFileSync(join(folder, 'ministack.log'), 'utf8').slice(-3000)}`);
  }
  const env = {
    AWS_ENDPOINT_URL: url,
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  return { url, env, workers: () => childrenOf(child.pid!), stop };
}

async function healthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/_ministack/health`)).ok;
  } catch {
    return false;
  }
}

/** Linux tells them for each thread that started some. */
function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
