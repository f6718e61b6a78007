/** What `columns`, `where`, `mask`, `headers` and `skip` must not say together. */
import { doubled, type Finding, type Parts } from './checks.ts';
import { parseExpression, typeOf } from './expressions.ts';
import { parseIdentifier } from './identifiers.ts';

type Source = NonNullable<NonNullable<Parts['sources']>[string]>;

export function* shapes({ sources, snowflake, defaults }: Parts): Iterable<Finding> {
  for (const [name, source] of Object.entries(sources ?? {})) {
    if (source === undefined) continue;
    const path = ['sources', name];
    const salted = snowflake?.maskSalt !== undefined;
    for (const finding of [
      ...columns(source),
      ...masks(source, salted),
      ...headers(source),
      ...skips(source.skip, source.changes ?? defaults?.changes),
    ]) {
      yield { ...finding, path: [...path, ...finding.path] };
    }
  }
}

function* columns({ columns, key }: Source): Iterable<Finding> {
  if (columns === undefined) return;
  const { include, exclude, add } = columns;
  if (include !== undefined && exclude !== undefined) {
    yield { path: ['columns', 'exclude'], message: 'leave it out: `include` says already which columns there are' };
  }
  yield* doubled(include ?? [], ['columns', 'include']);
  yield* doubled(exclude ?? [], ['columns', 'exclude']);
  for (const [written, sql] of Object.entries(add ?? {})) {
    const type = typeOf(sql ?? '');
    if ('error' in type) yield { path: ['columns', 'add', written], message: type.error };
  }
  yield* twice(add, ['columns', 'add']);
  for (const [index, column] of (key ?? []).entries()) {
    if (!isKept(columns, column)) {
      yield { path: ['key', index], message: `\`${column}\` is a key column, so \`columns\` must keep it` };
    }
  }
}

function* masks({ mask, columns, key }: Source, salted: boolean): Iterable<Finding> {
  const masked = namesOf(mask);
  yield* twice(mask, ['mask']);
  for (const [written, how] of Object.entries(mask ?? {})) {
    const column = parseIdentifier(written);
    if (column === null) continue;
    const path = ['mask', written];
    if (how === 'hash' && !salted) yield { path, message: 'a hash needs `snowflake.maskSalt`' };
    if (how !== 'hash' && (key?.includes(column) ?? false)) {
      yield { path, message: 'is a key column: it can only be hashed, or different rows would have one key' };
    }
    if (!isKept(columns, column)) {
      yield { path, message: 'is not among the columns that `columns` keeps' };
    }
  }
  for (const [written, sql] of Object.entries(columns?.add ?? {})) {
    const parsed = parseExpression(sql ?? '');
    const used = 'sql' in parsed ? parsed.columns.filter((column) => masked.includes(column)) : [];
    if (used.length === 0 || masked.includes(parseIdentifier(written) ?? '')) continue;
    yield { path: ['columns', 'add', written], message: `uses ${used.join(', ')}, which is masked; mask it, too` };
  }
}

function* headers({ headers, columns }: Source): Iterable<Finding> {
  for (const [name, is] of Object.entries(headers ?? {})) {
    if (typeof is !== 'object' || is.column === undefined || isKept(columns, is.column)) continue;
    yield { path: ['headers', name], message: `\`${is.column}\` is not among the columns that \`columns\` keeps` };
  }
}

function isKept(columns: Source['columns'], column: string): boolean {
  const { include, exclude, add } = columns ?? {};
  if (namesOf(add).includes(column)) return true;
  return exclude === undefined ? (include?.includes(column) ?? true) : !exclude.includes(column);
}

function* skips(skip: Source['skip'], changes: Source['changes']): Iterable<Finding> {
  if (skip === undefined) return;
  yield* doubled(skip, ['skip']);
  if (changes === 'append-only') yield { path: ['skip'], message: 'append-only sources have nothing but creates' };
  if (new Set(skip).size === 3) yield { path: ['skip'], message: 'leaves nothing to publish' };
}

function namesOf(group: Record<string, unknown> | undefined): string[] {
  return Object.keys(group ?? {}).flatMap((written) => parseIdentifier(written) ?? []);
}

/** Keys of a group that are one column in two spellings. */
function* twice(group: Record<string, unknown> | undefined, path: string[]): Iterable<Finding> {
  const written = Object.keys(group ?? {});
  const names = written.map((text) => parseIdentifier(text));
  for (const [index, name] of names.entries()) {
    if (name !== null && names.indexOf(name) < index) {
      yield { path: [...path, written[index]!], message: `\`${name}\` is listed twice` };
    }
  }
}
