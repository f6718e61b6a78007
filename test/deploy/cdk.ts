/** The real CDK command line against the emulator. */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { root } from '../../infra/synthesize.ts';

export type Ran = { code: number | null; output: string };

export class Cdk {
  readonly #env: Record<string, string>;

  /** `folder` becomes the home: nothing of the user's own settings is read, and its caches go there. */
  constructor(folder: string, env: Record<string, string>) {
    const home = join(folder, 'home');
    mkdirSync(home, { recursive: true });
    this.#env = {
      PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
      HOME: home,
      TMPDIR: join(folder, 'tmp'),
      CDK_DISABLE_CLI_TELEMETRY: 'true',
      CI: 'true',
      NO_COLOR: '1',
      ...env,
    };
  }

  async run(...args: string[]): Promise<Ran> {
    const child = spawn(join(root, 'node_modules/.bin/cdk'), [...args, '--no-notices'], {
      cwd: root,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const code = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { code: await code, output: out + err };
  }
}
