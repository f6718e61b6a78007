/** What is wrong with a configuration, said so that its writer can mend it without reading code. */
import { z } from 'zod';
import { suggest } from './suggest.ts';

export type Path = readonly (string | number)[];

/** `line` and `column` count from 1; null when the file has no such place. */
export type Problem = { path: Path; line: number | null; column: number | null; message: string };

export function formatPath(path: Path): string {
  return path.length === 0 ? '(file)' : path.join('.');
}

export function formatProblems(file: string, problems: readonly Problem[]): string {
  const lines = problems.map(
    ({ line, path, message }) => `  ${line === null ? '' : `line ${line}, `}${formatPath(path)}: ${message}`,
  );
  return `${file}: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}\n${lines.join('\n')}`;
}

type Found = Omit<Problem, 'line' | 'column'>;

/** Everything that `schema` finds wrong with `value`; `base` is where the value stands in the file. */
export function violations(schema: z.ZodType, value: unknown, base: Path = []): Found[] {
  const issues = schema.safeParse(value).error?.issues ?? [];
  return issues.flatMap((issue) => problemsOf(issue, schema, value, base));
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown, base: Path): Found[] {
  const path = [...base, ...issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part))];
  const here = valueAt(value, issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey(key, known) }));
  }
  const problem = { path, message: describe(issue, here) + seen(path, here) };
  if (issue.code !== 'invalid_key') return [problem];
  // zod does not look below a key that it refuses.
  const parent = schemaAt(schema, issue.path.slice(0, -1));
  return [problem, ...(parent instanceof z.ZodRecord ? violations(parent.valueType as z.ZodType, here, path) : [])];
}

/** The parts of `value` that are valid on their own, parsed; undefined where nothing is. */
export function validParts(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  if (value === null || typeof value !== 'object') return undefined;
  const inner = bare(schema);
  if (inner instanceof z.ZodObject) {
    const fields = Object.entries<z.ZodType>(inner.shape);
    return Object.fromEntries(
      fields.map(([key, field]) => [key, validParts(field, (value as Record<string, unknown>)[key])]),
    );
  }
  if (inner instanceof z.ZodRecord) {
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, validParts(inner.valueType as z.ZodType, one)]),
    );
  }
  return undefined;
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = suggest(key, known);
  return meant === null ? `unknown key; known here: ${known.join(', ')}` : `unknown key; did you mean \`${meant}\`?`;
}

const TYPES: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a group of settings',
  record: 'a group of settings',
};

function describe(issue: z.core.$ZodIssue, value: unknown): string {
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? 'is required' : `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value': {
      if (value === undefined) return 'is required';
      const values = issue.values.map(String);
      const meant = typeof value === 'string' ? suggest(value, values) : null;
      return `must be ${values.join(' or ')}${meant === null ? '' : `; did you mean \`${meant}\`?`}`;
    }
    case 'too_small':
      return issue.origin === 'array' || issue.origin === 'string'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    case 'invalid_key':
      return issue.issues[0]?.message ?? issue.message;
    default:
      return issue.message;
  }
}

/** The value as written, where it is short; never below a key that holds secrets. */
function seen(path: Path, value: unknown): string {
  if (path.at(-1) === 'secret' || path.includes('auth')) return '';
  const plain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return plain && String(value).length <= 80 && value !== '' ? ` (is \`${value}\`)` : '';
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, part) => (inner as Record<PropertyKey, unknown> | undefined)?.[part], value);
}

/** The keys that the schema knows at a path. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const inner = schemaAt(schema, path);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function schemaAt(schema: z.ZodType, path: readonly PropertyKey[]): z.ZodType | null {
  let inner = bare(schema);
  for (const part of path) {
    if (inner instanceof z.ZodObject) inner = bare(inner.shape[String(part)] as z.ZodType);
    else if (inner instanceof z.ZodRecord) inner = bare(inner.valueType as z.ZodType);
    else return null;
  }
  return inner;
}

/** Without the wrappers that defaults and optional add. */
function bare(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}
