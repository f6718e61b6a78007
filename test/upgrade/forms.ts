/** Which attributes, and which fields of JSON texts, every item of a kind has, and of which type: what a release may rely on. */
import type { Item } from '../protocol/memory/expressions.ts';
import { keyOf, kindOf } from './frozen.ts';

/** By kind: `name type` of what all its items have, and the greatest `v`. */
export type Forms = Map<string, { all: string[]; version: number }>;

export function formsOf(items: Item[]): Forms {
  const forms: Forms = new Map();
  for (const item of items) {
    const known = forms.get(kindOf(item));
    const parts = partsOf(item);
    const all = known === undefined ? parts : known.all.filter((part) => parts.includes(part));
    forms.set(kindOf(item), { all, version: Math.max(Number(item['v']!.N), known?.version ?? 0) });
  }
  return forms;
}

/** What an item lacks of its kind's form. A kind that the release does not know it never looks at. */
export function lacks(item: Item, forms: Forms): string[] {
  const form = forms.get(kindOf(item));
  if (form === undefined) return [];
  const parts = partsOf(item);
  const missing = form.all.filter((part) => !parts.includes(part));
  if (Number(item['v']!.N) > form.version) missing.push(`v up to ${form.version}`);
  return missing.map((part) => `${keyOf(item)}: ${part}`);
}

function partsOf(item: Item): string[] {
  return Object.entries(item).flatMap(([name, value]) => {
    const [type] = Object.keys(value);
    const fields = value.S?.startsWith('{') === true ? Object.entries(JSON.parse(value.S) as object) : [];
    return [`${name} ${type}`, ...fields.map(([field, inner]) => `${name}.${field} ${typeOf(inner)}`)];
  });
}

/** Of a field that is null at times not all items have the same, so that it drops out. */
function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : value === null ? 'null' : typeof value;
}
