/** What all commands share: where they act, how they answer, how they fail. */
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { Command, Option } from 'commander';
import { callerArn } from '../lambdas/aws/caller.ts';
import { createMembers } from '../lambdas/checkpoints/members.ts';
import { loadConfig, readConfigFile } from '../lambdas/config/load.ts';
import type { ResolvedConfig, ResolvedSource } from '../lambdas/config/resolved.ts';
import { readResolvedConfig } from '../lambdas/config/runtime.ts';
import { asSnowmeltError, SnowmeltError } from '../lambdas/errors.ts';
import { findSource } from '../lambdas/sources.ts';

/** `found`: the command did its work, and what it looked at is not as it should be. */
export const EXIT = { fine: 0, found: 1, usage: 2, failed: 3 } as const;

/** Written by `npm start`: the configuration of the stack that runs, with all its addresses. */
export const LOCAL_STACK = join(tmpdir(), 'snowmelt-local.json');

export type Common = { env?: string; config?: string; local?: boolean; json?: boolean };

/** What a command answers: for people, for machines, and whether all is well. */
export type Answer = { text: string; json: unknown; found?: boolean };

/** A command on a deployment; `SOURCE` among its arguments is the caller's to add. */
export function deploymentCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .addOption(new Option('-e, --env <name>', 'the environment: config/<name>.yaml').conflicts(['config', 'local']))
    .addOption(new Option('--config <file>', 'the configuration it was deployed with').conflicts('local'))
    .option('--local', 'the stack that `npm start` runs on this machine')
    .option('--json', 'print the answer as JSON');
}

/** Adds the reason that every change needs. */
export function withReason(command: Command): Command {
  return command.requiredOption('--reason <text>', 'why; kept with the state');
}

/** Runs a command and answers as asked. An error tells its code, its cause and what to do. */
export async function answering(options: Common, work: () => Promise<Answer>): Promise<void> {
  try {
    const { text, json, found = false } = await work();
    console.log(options.json === true ? JSON.stringify(json) : text);
    process.exitCode = found ? EXIT.found : EXIT.fine;
  } catch (error) {
    const { code, message, action } = asSnowmeltError(error);
    if (options.json === true) console.log(JSON.stringify({ error: { code, message, action } }));
    console.error(`${code}: ${message}\n${action}`.trimEnd());
    process.exitCode = EXIT.failed;
  }
}

/** The configuration of where the command acts. @throws CONFIG_INVALID */
export function configOf(options: Common): ResolvedConfig {
  if (options.local === true) return localConfig();
  const path = pathOf(options);
  return loadConfig(readConfigFile(path), { path });
}

/** @throws SOURCE_UNKNOWN where the file has no such source, and none of its patterns has found it */
export function sourceNamed(config: ResolvedConfig, name: string): Promise<ResolvedSource> {
  return findSource(config, createMembers(config), name);
}

/** The users' file. @throws CONFIG_INVALID where none is named */
export function pathOf({ env, config }: Common): string {
  const path = config ?? (env === undefined ? null : `config/${env}.yaml`);
  if (path !== null) return path;
  throw new SnowmeltError('CONFIG_INVALID', 'Say where: --env <name>, --config <file> or --local.');
}

/** What another command needs to act there. */
export function placeOf({ env, config, local }: Common): string {
  return local === true ? '--local' : env === undefined ? `--config ${config!}` : `--env ${env}`;
}

function localConfig(): ResolvedConfig {
  if (!existsSync(LOCAL_STACK)) throw noStack();
  const { config, pid } = JSON.parse(readFileSync(LOCAL_STACK, 'utf8')) as { config: string; pid: number };
  if (!existsSync(config) || !runs(pid)) throw noStack();
  const resolved = readResolvedConfig(config);
  signInLocally(resolved);
  return resolved;
}

/** The stand-ins ask who calls, not whether they may. A real table is asked as whoever runs this. */
export function signInLocally({ table }: Pick<ResolvedConfig, 'table'>): void {
  if (table.endpoint === null) return;
  process.env['AWS_ACCESS_KEY_ID'] = 'local';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'local';
  process.env['AWS_REGION'] ??= 'us-east-1';
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function noStack(): SnowmeltError {
  return new SnowmeltError('CONFIG_INVALID', 'No local stack runs here; start one with `npm start`.');
}

/** Who runs the command: as AWS knows them, else as this machine does. */
export async function caller(config: ResolvedConfig): Promise<string> {
  const arn = config.aws.endpoint === null ? await callerArn() : null;
  return arn ?? userInfo().username;
}

/** Asks before something is sent. @throws OPERATION_REFUSED where nobody can be asked, and when the answer is no. */
export async function confirm(question: string, yes: boolean | undefined): Promise<void> {
  if (yes === true) return;
  if (!process.stdin.isTTY) throw new SnowmeltError('OPERATION_REFUSED', `${question} Nobody can be asked: add --yes.`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question(`${question} [y/N] `);
  terminal.close();
  if (!/^y(es)?$/i.test(answer.trim()))
    throw new SnowmeltError('OPERATION_REFUSED', 'Not confirmed: nothing was done.');
}
