/** The kinds of value that the schema is made of: each takes what a user writes and gives what the code uses. */
import { z } from 'zod';
import { DURATION, formatDuration, parseDuration } from './durations.ts';
import { parseExpression } from './expressions.ts';
import { parseIdentifier, parseQualified } from './identifiers.ts';
import { templateProblem, TOPIC_NAME } from './patterns.ts';
import { parseSchedule } from './schedule.ts';
import { selectProblem } from './select.ts';

/** A duration between two others; gives milliseconds. */
export function duration(least: string, most: string) {
  const min = parseDuration(least)!;
  const max = parseDuration(most)!;
  return z
    .string()
    .regex(DURATION, { error: 'not a duration; write a whole number and ms, s, m, h or d, such as `30s`' })
    .transform((text) => parseDuration(text)!)
    .refine((ms) => ms >= min && ms <= max, {
      error: (issue) => `${formatDuration(issue.input as number)} is out of bounds; allowed are ${least} to ${most}`,
    });
}

export function whole(min: number, max: number) {
  return z.number().int().min(min).max(max);
}

/** Lower-case names that also stand in names of AWS resources, topics, groups and transactional ids. */
export function name(longest: number) {
  return z.string().regex(new RegExp(`^[a-z][a-z0-9-]{0,${longest - 1}}$`), {
    error: `must be a lower-case letter, then letters, digits or \`-\`, ${longest} characters at most`,
  });
}

export const every = z
  .string()
  .transform((text, context) => {
    const parsed = parseSchedule(text);
    if ('expression' in parsed) return parsed.expression;
    context.issues.push({ code: 'custom', input: text, message: parsed.error });
    return z.NEVER;
  })
  .meta({ examples: ['1m', 'rate(5 minutes)', 'cron(0 6 * * ? *)'] });

/** `DB.SCHEMA`. */
export const schemaName = z
  .string()
  .transform((text, context) => {
    const parts = parseQualified(text);
    if (parts?.length === 2) return { database: parts[0]!, schema: parts[1]! };
    context.issues.push({
      code: 'custom',
      input: text,
      message: 'must be DATABASE.SCHEMA; put `"` around a part that is case-sensitive or has other characters',
    });
    return z.NEVER;
  })
  .meta({ examples: ['SALES.SNOWMELT'] });

/** A duration or a whole number: which of them it must be is for the mode to say. */
export const lag = z
  .union([z.string(), z.number()], { error: 'must be a duration, such as `10m`, or a whole number' })
  .transform((value, context): { ms: number } | { count: number } => {
    const ms = typeof value === 'string' ? parseDuration(value) : null;
    if (ms !== null && ms <= 365 * 86_400_000) return { ms };
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return { count: value };
    context.issues.push({
      code: 'custom',
      input: value,
      message: 'must be a duration of at most 365d, such as `10m`, or a whole number',
    });
    return z.NEVER;
  });

/** One SELECT or WITH ... SELECT. */
export const select = z.string().transform((text, context) => {
  const problem = selectProblem(text);
  if (problem === null) return text;
  context.issues.push({ code: 'custom', input: text, message: problem });
  return z.NEVER;
});

/** `DB.SCHEMA.TABLE`. */
export const table = z
  .string()
  .transform((text, context) => {
    const parts = parseQualified(text);
    if (parts?.length === 3) return { database: parts[0]!, schema: parts[1]!, name: parts[2]! };
    context.issues.push({
      code: 'custom',
      input: text,
      message: 'must be DATABASE.SCHEMA.TABLE; put `"` around a part that is case-sensitive or has other characters',
    });
    return z.NEVER;
  })
  .meta({ examples: ['SALES.PUBLIC.ORDERS', 'SALES.PUBLIC."Order lines"'] });

/** `DB.SCHEMA.*`: all tables of a schema. */
export const schemaTables = z
  .string()
  .transform((text, context) => {
    const parts = text.endsWith('.*') ? parseQualified(text.slice(0, -2)) : null;
    if (parts?.length === 2) return { database: parts[0]!, schema: parts[1]! };
    context.issues.push({
      code: 'custom',
      input: text,
      message: 'must be DATABASE.SCHEMA.*, the tables of one schema',
    });
    return z.NEVER;
  })
  .meta({ examples: ['SALES.PUBLIC.*'] });

/** Names of tables with wildcards; without quotes in upper case, as names are. */
export const glob = z
  .string()
  .transform((text, context) => {
    const quoted = /^"((?:[^"]|"")+)"$/.exec(text)?.[1]?.replaceAll('""', '"');
    if (quoted !== undefined || /^[A-Za-z0-9_$*?]{1,255}$/.test(text)) return quoted ?? text.toUpperCase();
    context.issues.push({
      code: 'custom',
      input: text,
      message:
        'must be a name in which `*` stands for anything and `?` for one character; put `"` around one that is case-sensitive or has other characters',
    });
    return z.NEVER;
  })
  .meta({ examples: ['ORDER*', '"*_tmp"'] });

/** A topic's name with the table's in it. */
export const topicTemplate = z
  .string()
  .superRefine((text, context) => {
    const problem = templateProblem(text);
    if (problem !== null) context.addIssue({ code: 'custom', input: text, message: problem });
  })
  .meta({ examples: ['sales.{schema}.{table}'] });

export const column = z.string().transform((text, context) => {
  const parsed = parseIdentifier(text);
  if (parsed !== null) return parsed;
  context.issues.push({
    code: 'custom',
    input: text,
    message: 'must be one column name; put `"` around one that is case-sensitive or has other characters',
  });
  return z.NEVER;
});

/** A column as the key of a group: stays as written, since two spellings may mean one column. */
export const columnKey = z.string().refine((text) => parseIdentifier(text) !== null, {
  error: 'must be one column name; put `"` around one that is case-sensitive or has other characters',
});

/** A time, in UTC or with its offset; gives milliseconds in UTC, which is what Snowflake's history knows. */
export const instant = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d)$/, {
    error: 'must be a time such as `2026-01-31T12:00:00Z`',
  })
  .refine((text) => !Number.isNaN(Date.parse(text)), { error: 'is no time' })
  .transform((text) => new Date(text).toISOString());

/** SQL over the columns of one row. */
export const expression = z.string().transform((text, context) => {
  const parsed = parseExpression(text);
  if ('sql' in parsed) return parsed.sql;
  context.issues.push({ code: 'custom', input: text, message: parsed.error });
  return z.NEVER;
});

export const topicName = z.string().regex(TOPIC_NAME, { error: 'must be 1 to 249 letters, digits, `.`, `_` or `-`' });

const PORT = '(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';

export const broker = z.string().regex(new RegExp(`^(?:[A-Za-z0-9._-]+|\\[[0-9a-fA-F:]+\\]):${PORT}$`), {
  error: 'must be host:port, such as `b-1.example.com:9096`',
});

/** Plain http is for stand-ins on this machine only. */
export const url = z
  .string()
  .regex(new RegExp(`^(?:https://[A-Za-z0-9._-]+|http://(?:127\\.0\\.0\\.1|localhost))(?::${PORT})?$`), {
    error: 'must be https://host or https://host:port, without a path',
  });

/** Registries often stand behind plain http, and behind a path. */
export const registryUrl = z
  .string()
  .regex(new RegExp(`^https?://[A-Za-z0-9._-]+(?::${PORT})?(?:/[A-Za-z0-9._~-]+)*$`), {
    error: 'must be http(s)://host, with a port and a path if there is one, without a slash at the end',
  });

/** A secret is only ever named here; what looks like its content is refused, and never repeated in a message. */
export const secret = z
  .string()
  .regex(
    /^(?:arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+|[A-Za-z0-9/_+=.@-]{1,512})$/,
    {
      error: 'must be the name or ARN of a secret in Secrets Manager, not the secret itself',
    },
  );

/** An ARN of one kind; the pattern is that of the part after the account. */
export function arn(service: string, resource: string, what: string) {
  return z.string().regex(new RegExp(`^arn:[a-z0-9-]+:${service}:[a-z0-9-]+:[0-9]{12}:${resource}$`), {
    error: `must be the ARN of ${what}`,
  });
}
