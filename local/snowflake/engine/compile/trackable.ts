/** Which queries can be read by their changes: projections, filters, inner joins and UNION ALL, and nothing that is not a function of rows. */
import { untrackable } from '../errors.ts';
import type { Expr, From, Query, QueryBody } from '../parse/ast.ts';
import { FUNCTIONS } from './functions.ts';

const UNSTEADY = new Set(
  `CURRENT_TIMESTAMP CURRENT_DATE CURRENT_TIME GETDATE SYSTIMESTAMP LOCALTIMESTAMP SYSDATE RANDOM UNIFORM RANDSTR
   UUID_STRING`.split(/\s+/),
);

type Node = Expr | From | Query | QueryBody;

/** Calls back with each part of a query, from the outside in. */
export function walk(node: unknown, visit: (node: Node) => void): void {
  if (Array.isArray(node)) for (const item of node) walk(item, visit);
  else if (node && typeof node === 'object') {
    if ('k' in node) visit(node as Node);
    walk(Object.values(node), visit);
  }
}

/** @throws SqlError 091912 */
export function checkTrackable(query: Query, appendOnly: boolean): void {
  walk(query, (node) => {
    const found = obstacle(node) ?? (appendOnly && node.k === 'join' ? 'a join, of type APPEND_ONLY' : null);
    if (found !== null) throw untrackable(found);
  });
}

function obstacle(node: Node): string | null {
  switch (node.k) {
    case 'query':
      return node.limit || node.offset ? 'LIMIT' : null;
    case 'select':
      if (node.from === null) return 'no FROM';
      if (node.groupBy === 'ALL' || node.groupBy.length > 0) return 'GROUP BY';
      return node.distinct ? 'DISTINCT' : node.having ? 'HAVING' : node.qualify ? 'QUALIFY' : null;
    case 'set':
      return node.op === 'UNION' && node.all ? null : `${node.op} other than UNION ALL`;
    case 'join':
      return node.how === 'INNER' || node.how === 'CROSS' ? null : `a ${node.how} join`;
    case 'table':
      return node.at || node.changes ? 'time travel' : null;
    case 'values':
    case 'rows':
    case 'resultScan':
    case 'generator':
      return 'rows of no table';
    case 'subquery':
    case 'exists':
      return 'a subquery outside of FROM';
    case 'in':
      return node.query ? 'a subquery outside of FROM' : null;
    case 'call':
      if (UNSTEADY.has(node.name)) return `function '${node.name}', which is not deterministic`;
      return node.over || (FUNCTIONS.get(node.name)?.kind ?? 'scalar') !== 'scalar' ? `function '${node.name}'` : null;
  }
  return null;
}
