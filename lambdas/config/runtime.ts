/**
 * The resolved configuration inside a function: one JSON file in a Lambda layer, read once per process. It was validated
 * before it was deployed; here only damage and a wrong path are told apart from a good file.
 */
import { readFileSync } from 'node:fs';
import { SnowmeltError } from '../errors.ts';
import type { ResolvedConfig } from './resolved.ts';

export const DEFAULT_PATH = '/opt/snowmelt/config.json';

let cached: { path: string; config: ResolvedConfig } | null = null;

/** The file that SNOWMELT_CONFIG names. @throws CONFIG_INVALID */
export function readResolvedConfig(path: string = process.env['SNOWMELT_CONFIG'] ?? DEFAULT_PATH): ResolvedConfig {
  if (cached?.path === path) return cached.config;
  const config = parse(path);
  cached = { path, config };
  return config;
}

function parse(path: string): ResolvedConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new SnowmeltError('CONFIG_INVALID', `${path}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const missing = MEMBERS.filter((member) => (value as Partial<ResolvedConfig> | null)?.[member] === undefined);
  if (missing.length > 0) {
    throw new SnowmeltError('CONFIG_INVALID', `${path}: not a resolved configuration, it lacks ${missing.join(', ')}`);
  }
  return value as ResolvedConfig;
}

const MEMBERS = [
  'app',
  'deployment',
  'table',
  'snowflake',
  'kafka',
  'clocks',
  'limits',
  'aws',
  'sources',
] as const satisfies (keyof ResolvedConfig)[];
