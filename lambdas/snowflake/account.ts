/** What no tick asks: how the warehouse is set, what a table's name has stood for, whether a key is unique. */
import type { Account } from '../protocol/ports/snowflake.ts';
import type { Column, Layout, ObjectName } from '../protocol/window.ts';
import type { Ask } from './gate.ts';
import { instant } from './object.ts';
import { duplicatesStatement } from './sql/scan.ts';
import { showHistoryStatement, showWarehouseStatement } from './sql/statements.ts';

/** `name` as it is configured: without quotes it means the one in capitals. */
export async function warehouseFacts(ask: Ask, name: string): Promise<Awaited<ReturnType<Account['warehouse']>>> {
  const shown = await ask(showWarehouseStatement(name));
  const row = shown.find((each) => each.name === name) ?? shown.find((each) => each.name === name.toUpperCase());
  if (row?.auto_suspend === undefined) return null;
  const seconds = numberOf(row.auto_suspend);
  return { autoSuspendMs: seconds === null || seconds === 0 ? null : seconds * 1000 };
}

export async function tableLives(ask: Ask, object: ObjectName): Promise<Awaited<ReturnType<Account['lives']>>> {
  const shown = await ask(showHistoryStatement(object));
  return shown
    .filter(({ name }) => name === object.name)
    .map((row) => ({ createdOn: instant(row.created_on), rows: numberOf(row.rows) }))
    .sort((a, b) => (a.createdOn < b.createdOn ? 1 : -1));
}

export async function countDuplicates(ask: Ask, layout: Layout, columns: Column[]): Promise<number> {
  const [row] = await ask(duplicatesStatement(layout, columns));
  return Number(row!.N);
}

/** The SDK was asked for numbers as text. */
function numberOf(value: unknown): number | null {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : null;
}
