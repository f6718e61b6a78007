/** The command as a person runs it, and a deployment on this machine that its `--local` finds. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import type { Pipeline } from '../faults/pipeline.ts';

export const program = new URL('../../cli/snowmelt.js', import.meta.url).pathname;

export type Ended = { code: number; stdout: string; stderr: string };
type Where = { cwd?: string; env?: NodeJS.ProcessEnv; input?: string };

export function snowmelt(args: readonly string[], { input, ...where }: Where = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], where, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    child.stdin!.end(input);
  });
}

/** In a folder that the command takes for the machine's temporary one, where `npm start` says what runs. */
export class LocalDeployment {
  readonly folder = mkdtempSync(join(tmpdir(), 'snowmelt-deployment-'));
  /** The configuration that was deployed last. */
  path = '';
  #deployments = 0;

  /** Each in a file of its own: a function reads its configuration once. */
  deploy(config: object): void {
    this.path = join(this.folder, `config-${++this.#deployments}.json`);
    writeFileSync(this.path, JSON.stringify(config));
    writeFileSync(join(this.folder, 'snowmelt-local.json'), JSON.stringify({ config: this.path, pid: process.pid }));
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, TMPDIR: this.folder };
  }

  run(args: readonly string[], where: Where = {}): Promise<Ended> {
    return snowmelt(args, { ...where, env: { ...this.env, ...where.env } });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** The pipeline's configuration as its functions would have it; `endpoint` is where AWS is. */
export function configFor({ config, table }: Pipeline, endpoint: string): ResolvedConfig {
  return {
    ...config,
    table: { name: table.name, endpoint: table.proxy.url, region: 'us-east-1' },
    aws: { ...config.aws, endpoint },
  };
}
