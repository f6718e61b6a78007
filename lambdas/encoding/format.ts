/** What each format gives. A schema that has to be known to others is registered before any of these resolves. */
import { SnowmeltError } from '../errors.ts';
import { flatNames, type WindowFacts } from './envelope.ts';
import type { RowWriter, ValueWriter } from './record.ts';

export interface Format {
  /** @throws TYPE_UNSUPPORTED, NAME_TAKEN, KEY_INVALID, and what a registry fails with */
  key(facts: WindowFacts): Promise<RowWriter>;
  value(facts: WindowFacts): Promise<ValueWriter>;
  /** No row's key. */
  truncationKey(facts: WindowFacts): Promise<Buffer>;
  truncation(facts: WindowFacts): Promise<Buffer>;
}

export function isFlat({ source }: WindowFacts): boolean {
  return source.format.envelope === 'flat';
}

/**
 * Of a record that says that all rows are gone: it has no columns, so its schemas are others than the rows', under subjects
 * of their own.
 */
export function emptied(facts: WindowFacts): WindowFacts {
  const { window, layout } = facts;
  return { ...facts, window: { ...window, columns: [] }, layout: { ...layout, topic: `${layout.topic}.truncation` } };
}

/** @throws NAME_TAKEN */
export function refuseTaken({ window }: WindowFacts): void {
  const taken = window.columns
    .map(({ name }) => name)
    .filter((name) => (flatNames as readonly string[]).includes(name));
  if (taken.length === 0) return;
  throw new SnowmeltError('NAME_TAKEN', `Columns with a name that flat records use themselves: ${taken.join(', ')}`);
}
