/** EventBridge's event patterns, as far as they are used: exact values, `prefix`, `exists` and `anything-but`. */
import type { Pattern } from './template/resources.ts';

/** Every field of the pattern must match; of a field's values, one. */
export function matchesPattern(pattern: Pattern, event: unknown): boolean {
  return Object.entries(pattern).every(([field, expected]) => {
    const value = (event as Record<string, unknown> | null | undefined)?.[field];
    if (!Array.isArray(expected)) return matchesPattern(expected, value);
    const values = Array.isArray(value) ? (value as unknown[]) : [value];
    return expected.some((matcher) => values.some((one) => matchesValue(matcher, one)));
  });
}

function matchesValue(matcher: unknown, value: unknown): boolean {
  if (typeof matcher !== 'object' || matcher === null) return matcher === value;
  const [[name, argument] = ['', undefined], ...more] = Object.entries(matcher);
  if (more.length === 0 && name === 'prefix') return typeof value === 'string' && value.startsWith(String(argument));
  if (more.length === 0 && name === 'exists') return (value !== undefined) === argument;
  if (more.length === 0 && name === 'anything-but') return value !== undefined && ![argument].flat().includes(value);
  throw new Error(`event pattern: ${JSON.stringify(matcher)} is not supported`);
}
