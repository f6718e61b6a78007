/** PostgreSQL from Maven Central, on a free port, in a folder that goes with it. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import fs from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';

const ARCHIVE = 'postgres-linux-x86_64.txz';
/** It refuses to run as root. */
const NOBODY = 65_534;

export class Postgres {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #dir: string;

  private constructor(url: string, child: ChildProcess, dir: string) {
    this.url = url;
    this.#child = child;
    this.#dir = dir;
  }

  /** `jar`: the one that holds the binaries. */
  static async start(jar: string): Promise<Postgres> {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'postgres-'));
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    must('unzip', ['-q', '-o', jar, ARCHIVE, '-d', dir]);
    must('tar', ['-xJf', path.join(dir, ARCHIVE), '-C', dir]);
    const data = path.join(dir, 'data');
    fs.mkdirSync(data, { mode: 0o700 });
    fs.chmodSync(dir, 0o755);
    if (user.uid !== undefined) fs.chownSync(data, NOBODY, NOBODY);
    const bin = (name: string) => path.join(dir, 'bin', name);
    must(bin('initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], user);
    const port = await freePort();
    const settings = ['-c', 'fsync=off', '-c', 'timezone=UTC', '-c', 'unix_socket_directories='];
    const child = spawn(bin('postgres'), ['-D', data, '-p', String(port), '-h', '127.0.0.1', ...settings], {
      ...user,
      cwd: data,
      stdio: 'ignore',
    });
    process.on('exit', () => child.kill('SIGKILL'));
    return new Postgres(`jdbc:postgresql://127.0.0.1:${port}/postgres?user=postgres`, child, dir);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGQUIT');
    await ended;
    fs.rmSync(this.#dir, { recursive: true, force: true });
  }
}

function must(command: string, args: readonly string[], options: { uid?: number; gid?: number } = {}): void {
  const { status, stderr, error } = spawnSync(command, args, { ...options, encoding: 'utf8', cwd: '/' });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
