/** Reading a window of changes and playing a history with moments between its steps. */
import type { Row } from '../../local/sdk.ts';
import type { Account } from './account.ts';

export type Change = { action: string; isUpdate: boolean; rowId: string; values: Row };

/** CHANGES of a table in `(from, to]`, ordered by the values' text and the action. */
export async function changesOf(
  account: Account,
  table: string,
  columns: string[],
  from: string,
  to: string,
  information = 'DEFAULT',
): Promise<Change[]> {
  const list = columns.map((column) => `TO_VARCHAR("${column}")`).join(', ');
  const { rows } = await account.sql(
    `SELECT ${list}, METADATA$ACTION, METADATA$ISUPDATE, METADATA$ROW_ID
     FROM ${table} CHANGES(INFORMATION => ${information}) AT(TIMESTAMP => ${from}) END(TIMESTAMP => ${to})`,
  );
  const changes = rows.map((row) => ({
    values: row.slice(0, columns.length),
    action: String(row[columns.length]),
    isUpdate: String(row[columns.length + 1]).toLowerCase() === 'true',
    rowId: String(row[columns.length + 2]),
  }));
  const key = (change: Change) => JSON.stringify([change.values, change.action]);
  return changes.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** Runs each step and answers the moments between them: `[0]` before the first, `[n]` after the n-th. */
export async function play(account: Account, steps: (string | string[])[]): Promise<string[]> {
  const moments = [await account.mark()];
  for (const step of steps) {
    for (const sql of typeof step === 'string' ? [step] : step) await account.sql(sql);
    moments.push(await account.mark());
  }
  return moments;
}

/** `ACTION isUpdate values`, short enough to read in a failed expectation. */
export function brief(changes: Change[]): string[] {
  return changes.map(({ action, isUpdate, values }) => `${action} ${isUpdate} ${values.join(' ')}`);
}
