/** A YAML text as plain data that still knows its lines. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import type { Path, Problem } from './problems.ts';

export type ConfigDocument = {
  /** Plain data; a key without a value is as good as absent. */
  data: unknown;
  /** Broken syntax and doubled keys. */
  problems: Problem[];
  /** Line of the innermost part of the path that the text has. */
  lineOf(path: Path): number | null;
};

export function parseYaml(text: string): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = document.errors.map((error) => ({
    path: [],
    line: lines.linePos(error.pos[0]).line,
    message: error.message,
  }));
  return {
    data: problems.length > 0 ? null : withoutNulls(document.toJS()),
    problems,
    lineOf(path) {
      const offset = offsetOf(document.contents, path);
      return offset === null ? null : lines.linePos(offset).line;
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
