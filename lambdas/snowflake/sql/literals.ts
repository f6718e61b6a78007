/** Names and literals inside statements. Everything that goes into a statement goes through here. */
import { SnowmeltError } from '../../errors.ts';
import type { ObjectName } from '../../protocol/window.ts';

/** A name as Snowflake stores it, quoted: case and special characters stay. */
export function identifier(name: string): string {
  if (name === '' || name.length > 255 || name.includes('\0'))
    throw new SnowmeltError('CONFIG_INVALID', 'Not a Snowflake name');
  return `"${name.replaceAll('"', '""')}"`;
}

export function qualified(object: ObjectName): string {
  return [object.database, object.schema, object.name].map(identifier).join('.');
}

/** In single quotes a backslash escapes, so it is doubled. */
export function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

/** The pattern that LIKE takes for this very text. */
export function pattern(text: string): string {
  return literal(text.replaceAll(/[\\%_]/g, (char) => `\\${char}`));
}

const bound = /^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2}\.\d{3})Z$/;

/**
 * A bound of a window: ISO 8601, UTC, exactly three decimals. Time Travel wants a constant with an explicit type; TZ is the
 * one that no session setting bends.
 */
export function timestamp(iso: string): string {
  const parts = bound.exec(iso);
  if (parts === null || Number.isNaN(Date.parse(iso)))
    throw new SnowmeltError('UNEXPECTED', `Not a bound of a window: ${iso}`);
  return `'${parts[1]} ${parts[2]} +00:00'::TIMESTAMP_TZ`;
}
