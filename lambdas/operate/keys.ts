/**
 * Listed keys, made a result of their own in Snowflake, which a repair reads: so no key stands in a statement, in the table of
 * checkpoints or in a log. That result lives 24 h, and so does the request.
 */
import { SnowmeltError } from '../errors.ts';
import { mustLook, mustReadRows } from '../protocol/operate.ts';
import { newestLayout } from '../protocol/past.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { Clock } from '../protocol/ports/effects.ts';
import type { Snowflake } from '../protocol/ports/snowflake.ts';
import type { WindowRequest } from '../protocol/ports/state.ts';
import { checkFacts } from '../protocol/scan.ts';
import type { Column, Layout } from '../protocol/window.ts';
import { keyText } from './key-text.ts';
import { finished, type ScanPorts } from './scan.ts';

/** Names of the key's columns as Snowflake stores them, and a text for each of every key. */
export type Keys = { columns: string[]; rows: string[][] };
export type KeyRequest = NonNullable<WindowRequest['keys']>;

/** As JSON: what an invocation of `operate` takes (6 MB), and Snowflake as a VARIANT (16 MB). */
export const MOST_KEY_BYTES = 4 * 1024 * 1024;

export type KeyPorts = ScanPorts & { checkpoints: Checkpoints; snowflake: Snowflake; clock: Clock };

/**
 * What `repairKeys` asks for with. Of a key that its columns can't hold its number is told, not what it says.
 * @throws KEYS_INVALID; OPERATION_REFUSED where the source has no rows by key, and what Snowflake fails with
 */
export async function stageKeys(ports: KeyPorts, source: string, { columns, rows }: Keys): Promise<KeyRequest> {
  const { checkpoints, snowflake } = ports;
  const state = await mustLook(checkpoints, source);
  mustReadRows(source, state);
  const layout = newestLayout(state.layouts)!;
  const facts = await snowflake.describe(layout.object);
  checkFacts(snowflake, layout, facts);
  if (JSON.stringify(columns) !== JSON.stringify(layout.key))
    throw invalid(`The key of ${source} is ${layout.key.join(', ')}; the keys are of ${columns.join(', ')}.`);
  const keyColumns = keyColumnsOf(layout, snowflake.columns(layout, facts.columns));
  const keys = rows.map((row, index) => {
    const texts = textsOf(keyColumns, row);
    const wrong = row.length === columns.length ? texts.indexOf(null) : 0;
    if (wrong >= 0) throw invalid(`Key ${index + 1}: its ${columns[wrong]} is no ${typeOf(keyColumns[wrong]!)}.`);
    return texts as string[];
  });
  checkSize(keys);
  const queryId = await snowflake.submitKeys(keys, `${source}/keys`);
  await finished(ports, source, queryId, 'listing of keys');
  return { queryId, layout: layout.number };
}

/** null where a column can't hold what is said. */
export function textsOf(columns: readonly Column[], row: readonly (string | null)[]): (string | null)[] {
  return columns.map((column, at) => {
    const text = row[at];
    return typeof text === 'string' ? keyText(column, text) : null;
  });
}

export function keyColumnsOf(layout: Layout, columns: readonly Column[]): Column[] {
  return layout.key.map((name) => columns.find((column) => column.name === name)!);
}

/** @throws KEYS_INVALID when there are none, or more than one request takes */
export function checkSize(keys: readonly string[][]): void {
  if (keys.length === 0) throw invalid('There are no keys.');
  const bytes = Buffer.byteLength(JSON.stringify(keys));
  if (bytes <= MOST_KEY_BYTES) return;
  throw invalid(
    `${keys.length} keys are ${bytes} bytes as JSON; one request takes ${MOST_KEY_BYTES}. Split them, or send more: --from or --snapshot.`,
  );
}

function typeOf({ type, precision, scale }: Column): string {
  if (precision === null) return type;
  return `${type}(${scale === null ? precision : `${precision}, ${scale}`})`;
}

export function invalid(message: string): SnowmeltError {
  return new SnowmeltError('KEYS_INVALID', message);
}
