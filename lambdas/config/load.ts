/**
 * From the users' YAML to the resolved configuration. Nothing is half accepted: either the result is whole, or every problem
 * of the file is reported at once, each with its path, line and what to write instead.
 */
import { readFileSync } from 'node:fs';
import { SnowmeltError } from '../errors.ts';
import { contradictions, type Parts } from './checks.ts';
import { parseYaml } from './document.ts';
import { formatProblems, validParts, violations, type Problem } from './problems.ts';
import { resolve } from './resolve.ts';
import type { ResolvedConfig } from './resolved.ts';
import { configSchema, type Config } from './schema.ts';

/** `path` is for messages alone; `deployment` grows with each deployment. */
export type LoadOptions = { path: string; deployment?: number };

/** What the stack needs and the functions don't. */
export type Infrastructure = Omit<Config['aws'], 'endpoint'> & {
  /** Whether plan and recount run in the VPC, too. */
  snowflakeThroughVpc: boolean;
};

/** @throws CONFIG_INVALID with all problems of the file */
export function loadConfig(text: string, options: LoadOptions): ResolvedConfig {
  return resolve(readConfig(text, options.path), options.deployment ?? 0);
}

/** The configuration and what only the stack needs. @throws CONFIG_INVALID */
export function loadForStack(
  text: string,
  options: LoadOptions,
): { config: ResolvedConfig; infrastructure: Infrastructure } {
  const config = readConfig(text, options.path);
  const { aws, snowflake } = config;
  const snowflakeThroughVpc = snowflake.throughVpc ?? snowflake.accessUrl !== undefined;
  return { config: resolve(config, options.deployment ?? 0), infrastructure: { ...aws, snowflakeThroughVpc } };
}

/** The text of a configuration file. @throws CONFIG_INVALID when it can't be read */
export function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SnowmeltError('CONFIG_INVALID', `${path}: can't be read (${(cause as NodeJS.ErrnoException).code})`, {
      cause,
    });
  }
}

/** Every problem of the text; none means that `loadConfig` takes it. */
export function findProblems(text: string): Problem[] {
  return inspect(text).problems;
}

function readConfig(text: string, path: string): Config {
  const { data, problems } = inspect(text);
  if (problems.length > 0) throw new SnowmeltError('CONFIG_INVALID', formatProblems(path, problems));
  return configSchema.parse(data);
}

function inspect(text: string): { data: unknown; problems: Problem[] } {
  const document = parseYaml(text);
  if (document.problems.length > 0) return { data: null, problems: document.problems };
  const { data } = document;
  if (data === null || typeof data !== 'object' || Array.isArray(data)) {
    const message = 'must be settings in YAML, such as `app: flights`';
    return { data, problems: [{ path: [], line: null, column: null, message }] };
  }
  const parts = validParts(configSchema, data) as Parts;
  const problems = [...violations(configSchema, data), ...contradictions(parts)]
    .map(({ path, message }) => ({ path, ...document.placeOf(path), message }))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { data, problems };
}
