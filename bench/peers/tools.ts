/**
 * What other programs need, made once and kept in .cache/bench: a Python environment, a Go program, Kafka Connect. Each throws
 * an Error that says what is missing, so that the table can.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { missingPrerequisite } from '../../test/apache-kafka/start.ts';

const here = import.meta.dirname;
const cache = join(here, '../../.cache/bench');

/** No driver may look for the cloud it runs in, nor go through a proxy to this machine. */
export const QUIET: Record<string, string> = {
  SNOWFLAKE_DISABLE_PLATFORM_DETECTION: 'true',
  NO_PROXY: '127.0.0.1',
  no_proxy: '127.0.0.1',
};

/** A python3 that has bench/peers/python/requirements.txt. */
export function python(): string {
  const requirements = join(here, 'python/requirements.txt');
  const folder = kept('python', requirements, (staging) => {
    run('python3', ['-m', 'venv', staging]);
    run(join(staging, 'bin/python'), [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '-r',
      requirements,
    ]);
  });
  return join(folder, 'bin/python');
}

/** The Go program, built. */
export function goProgram(): string {
  const source = join(here, 'go');
  const folder = kept('go', join(source, 'main.go'), (staging) => {
    mkdirSync(staging, { recursive: true });
    run('go', ['build', '-o', join(staging, 'peer'), '.'], source);
  });
  return join(folder, 'peer');
}

export type Connect = { classPath: string; plugins: string };

/** Kafka Connect from Maven Central, and a plugin of the Snowflake driver with the JDBC source at `source`, a jar or a folder of jars. */
export function kafkaConnect(source: string | null): Connect {
  if (source === null) throw new Error('no jar of a JDBC source given (--jdbc-source), and no registry has one');
  if (!existsSync(source)) throw new Error(`--jdbc-source: there is no ${source}`);
  const missing = missingPrerequisite();
  if (missing !== null) throw new Error(missing);
  const pom = join(here, 'connect/pom.xml');
  const folder = kept('connect', pom, (staging) => {
    for (const part of ['worker', 'driver']) {
      const jars = `-Djars=${join(staging, part)}`;
      run('mvn', ['-q', '-B', `-P${part}`, '-f', pom, jars, 'dependency:copy-dependencies']);
    }
  });
  const plugins = join(cache, 'connect-plugins');
  const plugin = join(plugins, 'jdbc');
  rmSync(plugins, { recursive: true, force: true });
  cpSync(join(folder, 'driver'), plugin, { recursive: true });
  const jars = statSync(source).isDirectory()
    ? readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.jar'))
    : [null];
  for (const jar of jars) {
    const from = jar === null ? source : join(source, jar);
    cpSync(from, join(plugin, basename(from)));
  }
  return { classPath: join(folder, 'worker', '*'), plugins };
}

/** A folder that is made anew when what it is made from has changed. */
function kept(name: string, from: string, make: (staging: string) => void): string {
  const folder = join(cache, `${name}-${createHash('sha256').update(readFileSync(from)).digest('hex').slice(0, 12)}`);
  const done = join(folder, 'done');
  if (existsSync(done)) return folder;
  rmSync(folder, { recursive: true, force: true });
  make(folder);
  writeFileSync(done, '');
  return folder;
}

/** @throws Error with the last line that the program said */
function run(program: string, args: string[], cwd?: string): void {
  const { status, error, stdout, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status === 0) return;
  const said = error?.message ?? `${stdout}\n${stderr}`.trim().split('\n').at(-1);
  throw new Error(`${program} ${args[0]}: ${said}`);
}
