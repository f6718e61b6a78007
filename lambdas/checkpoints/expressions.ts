import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Expression, Item } from './table.ts';

/** The update that sets each attribute to its value, and removes those that are null. */
export function assign(
  attributes: Record<string, AttributeValue | null>,
  more: string[] = [],
  values: Item = {},
): Expression {
  const entries = Object.entries(attributes);
  const sets = [...more];
  const all: Item = { ...values };
  for (const [name, value] of entries) {
    if (value === null) continue;
    sets.push(`#${name} = :${name}`);
    all[`:${name}`] = value;
  }
  const removed = entries.filter(([, value]) => value === null).map(([name]) => `#${name}`);
  const clauses = [
    ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
    ...(removed.length > 0 ? [`REMOVE ${removed.join(', ')}`] : []),
  ];
  return { text: clauses.join(' '), values: all };
}
