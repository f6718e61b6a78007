/**
 * `npm run test:docs`: a fresh clone, as a reader has it who knows nothing else, without a network and without an account. Each
 * command of README and docs/deploy.md is run there as it is printed, but those that are marked; then `npm start` and
 * `npx cdk synth` of every example configuration. node_modules is this one's: `npm ci` is what .ci/run begins with.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandsOf, DOCUMENTS, ELSEWHERE, root } from './commands.ts';
import { startLive } from './live.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowmelt-docs-'));
const clone = join(folder, 'clone');
const home = join(folder, 'home');
mkdirSync(home);
let failed = 0;

/** No address can be reached from a network namespace of its own; where there are none, proxies that nobody serves stand in the way. */
const apart = spawnSync('unshare', ['--map-root-user', '--net', 'true']).status === 0;
const nowhere = 'http://127.0.0.1:9';
/** A reader has nothing set of AWS. */
const reader = {
  PATH: process.env['PATH'],
  HOME: home,
  CI: 'true',
  CDK_DISABLE_CLI_TELEMETRY: 'true',
  AWS_EC2_METADATA_DISABLED: 'true',
};
const env = {
  ...reader,
  ...(apart ? {} : { HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, http_proxy: nowhere, https_proxy: nowhere }),
};

function run(command: string): void {
  const began = performance.now();
  const shell = ['bash', '-c', command];
  const [program, ...args] = apart ? ['unshare', '--map-root-user', '--net', ...shell] : shell;
  const { status, stdout, stderr } = spawnSync(program!, args, { cwd: clone, env, encoding: 'utf8', maxBuffer: 1e8 });
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  console.log(`${status === 0 ? 'ok  ' : 'FAIL'} ${seconds} s  ${command}`);
  if (status === 0) return;
  failed++;
  console.log(`${stdout}\n${stderr}`.slice(-3_000));
}

try {
  const cloned = spawnSync('git', ['clone', '--quiet', '--no-hardlinks', root, clone], { encoding: 'utf8' });
  if (cloned.status !== 0) throw new Error(cloned.stderr);
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  console.log(
    `a clone in ${clone}, ${apart ? 'in a network namespace of its own' : 'with proxies that nobody serves'}`,
  );
  const done = new Set(Object.keys(ELSEWHERE));
  for (const document of DOCUMENTS) {
    for (const command of commandsOf(document).run) {
      if (!done.has(command)) run(command);
      done.add(command);
    }
  }
  const began = performance.now();
  // Its parts talk over this machine's loopback, which a namespace of its own has not.
  const temporary = join(folder, 'tmp');
  mkdirSync(temporary);
  const live = await startLive(clone, { ...reader, TMPDIR: temporary }).catch(String);
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  console.log(`${live === undefined ? 'ok  ' : 'FAIL'} ${seconds} s  npm start, npx snowmelt status --local`);
  if (live !== undefined) {
    failed++;
    console.log(live.slice(-3_000));
  }
  const examples = readdirSync(join(clone, 'config')).filter((file) => file.endsWith('.yaml'));
  for (const file of examples) {
    const command = `npx cdk synth -c env=${file.replace(/\.yaml$/, '')}`;
    if (!done.has(command)) run(command);
  }
  if (!existsSync(join(clone, 'cdk.out'))) failed++;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(failed === 0 ? 'test:docs: ok' : `test:docs: ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
