/** A YAML text as plain data that still knows its places. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import type { Path, Problem } from './problems.ts';

export type ConfigDocument = {
  /** Plain data; a key without a value is as good as absent. */
  data: unknown;
  /** Broken syntax and doubled keys. */
  problems: Problem[];
  /** Where the innermost part of the path is that the text has. */
  placeOf(path: Path): Pick<Problem, 'line' | 'column'>;
};

export function parseYaml(text: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const problems = document.errors.map((error) => ({
    path: [],
    ...placeAt(error.pos[0]),
    message: error.message,
  }));
  return {
    data: problems.length > 0 ? null : withoutNulls(document.toJS()),
    problems,
    placeOf(path) {
      const offset = offsetOf(document.contents, path);
      return offset === null ? { line: null, column: null } : placeAt(offset);
    },
  };
}

function offsetOf(contents: Node | null, path: Path): number | null {
  let node: unknown = contents;
  let offset: number | null = null;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}
