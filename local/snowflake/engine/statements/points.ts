/** AT, BEFORE and END: their values, what they mean for a table, and every reason to refuse them. */
import {
  badOffset,
  changeTrackingMissing,
  futureData,
  notConstantPoint,
  statementNotAPoint,
  statementNotFound,
  streamNotFound,
  timeTravelGone,
  unsupported,
} from '../errors.ts';
import { cast, instantSql } from '../compile/casts.ts';
import { pointsIn, type CompileContext } from '../compile/context.ts';
import { compileExpr } from '../compile/expressions.ts';
import { Scope } from '../compile/scope.ts';
import { epochByMagnitude } from '../compile/timestamps.ts';
import type { Core } from '../core.ts';
import type { Changes, Expr, Point } from '../parse/ast.ts';
import { isTracked, qualifiedName, type Table } from '../storage/table.ts';
import * as types from '../types.ts';

const NOW = new Set([
  'CURRENT_TIMESTAMP',
  'GETDATE',
  'SYSTIMESTAMP',
  'LOCALTIMESTAMP',
  'SYSDATE',
  'CURRENT_DATE',
  'CURRENT_TIME',
]);

function mentions(node: unknown, test: (e: Expr) => boolean): boolean {
  if (Array.isArray(node)) return node.some((n) => mentions(n, test));
  if (!node || typeof node !== 'object') return false;
  return test(node as Expr) || Object.values(node).some((n) => mentions(n, test));
}

/** Evaluates every point of a statement before it is compiled. */
export async function evaluatePoints(
  statement: unknown,
  core: Core,
  cx: CompileContext,
): Promise<Map<Point, bigint | string | null>> {
  const points = new Map<Point, bigint | string | null>();
  for (const { point, changes } of pointsIn(statement)) {
    const isNow = (e: Expr): boolean => e.k === 'call' && NOW.has(e.name);
    const isQuery = (e: Expr): boolean => e.k === 'subquery' || e.k === 'column';
    if ((changes && mentions(point.value, isNow)) || mentions(point.value, isQuery))
      throw notConstantPoint(point.which);
    if (mentions(point.value, (e) => e.k === 'bind') && core.assumptions.get('point-bind') === 'refused')
      throw notConstantPoint(point.which);
    points.set(point, await evaluate(point, core, cx));
  }
  return points;
}

async function evaluate(point: Point, core: Core, cx: CompileContext): Promise<bigint | string | null> {
  const v = compileExpr(point.value, new Scope([], null), cx);
  const ask = async (sql: string): Promise<unknown> => {
    const folded = /^\((-?\d+)\)::HUGEINT$/.exec(sql);
    return folded ? BigInt(folded[1]!) : ((await core.db.with((c) => c.rows(`SELECT ${sql}`)))[0]?.[0] ?? null);
  };
  if (point.by === 'STATEMENT' || point.by === 'STREAM') {
    if (v.type.kind === 'null') return null;
    return v.literal ?? ((await ask(cast(v, types.text(), cx.formats).sql)) as string | null);
  }
  if (point.by === 'OFFSET') {
    if (v.type.kind === 'null') throw badOffset(point.which, 'null');
    const text = String(await ask(`CAST(${v.sql} AS VARCHAR)`));
    const seconds = Number(text);
    if (!(seconds <= 0)) throw badOffset(point.which, text);
    return cx.now + BigInt(Math.round(seconds * 1000)) * 1_000_000n;
  }
  if (v.type.kind === 'null') return null;
  const digits = v.number ?? (v.literal !== undefined && /^\d+$/.test(v.literal) ? v.literal : undefined);
  const ns =
    digits !== undefined
      ? epochByMagnitude(BigInt(Math.trunc(Number(digits))))
      : ((await ask(
          instantSql(utc(v, cx), { ...cx.formats, zone: v.type.kind === 'timestamp_ltz' ? cx.formats.zone : 'UTC' }),
        )) as bigint | null);
  if (ns === null || core.assumptions.get('point-resolution') === 'ns') return ns;
  return ns - (((ns % 1_000_000n) + 1_000_000n) % 1_000_000n);
}

/** A text or a TIMESTAMP_NTZ without a zone counts as UTC. */
const utc = (v: ReturnType<typeof compileExpr>, cx: CompileContext): ReturnType<typeof compileExpr> =>
  v.type.kind === 'text' ? cast(v, types.timestamp('timestamp_tz'), { ...cx.formats, zone: 'UTC' }) : v;

/** The time a point names, before the table is asked whether it still has it. */
export function timeOf(point: Point, table: Table, core: Core, cx: CompileContext): bigint {
  const known = cx.points.get(point) ?? null;
  if (point.by === 'STREAM') {
    if (known === null) throw streamNotFound('NULL');
    return cx.streamOffset(String(known));
  }
  if (point.by === 'STATEMENT') {
    const id = String(known);
    const statement = core.statements.get(id);
    if (!statement) throw statementNotFound(id);
    let at: bigint | null = null;
    if (statement.kind === 'dml') at = statement.commit;
    else if (statement.kind === 'other' && core.assumptions.get('statement-of-select') === 'its start')
      at = statement.start;
    if (at === null) throw statementNotAPoint(id);
    return point.which === 'BEFORE' ? at - 1n : at;
  }
  if (known === null || typeof known === 'string') throw timeTravelGone(table.name);
  return point.which === 'BEFORE' ? known - 1n : known;
}

/** @throws SqlError 000002, if a table of a database made from a share is not read as of a time at all. */
export function checkImportedTimeTravel(core: Core): void {
  if (core.assumptions.get('imported-time-travel') === 'refused')
    throw unsupported('Time Travel on an imported database');
}

/** Throws unless the table can be read as of a time. */
export function checkTime(at: bigint, table: Table, core: Core, now: bigint): void {
  if (at > now) throw futureData(core.assumptions.get('future-code'), table.name);
  const oldest = now - BigInt(table.retentionDays) * 86_400_000_000_000n;
  if (at <= table.createdOn || at < table.historyFrom || at < oldest) throw timeTravelGone(table.name);
}

/** Bounds of a CHANGES clause, checked. */
export function changesRange(
  changes: Changes,
  table: Table,
  core: Core,
  cx: CompileContext,
  now: bigint,
): { from: bigint; to: bigint } {
  if (!isTracked(table)) throw changeTrackingMissing(qualifiedName(table));
  const from = timeOf(changes.at, table, core, cx);
  const to = changes.end ? timeOf(changes.end, table, core, cx) : now;
  if (from <= table.createdOn && core.assumptions.get('recreated-code') === '091930' && wasReplaced(table, core))
    throw changeTrackingMissing(qualifiedName(table));
  checkTime(from, table, core, now);
  checkTime(to, table, core, now);
  const covering = table.tracking.find((i) => i.on <= from && (i.off === null || i.off >= to));
  const lenient = core.assumptions.get('tracking-before-enablement') === 'accepted';
  const untouched =
    lenient && table.tracking.length === 1 && !table.commits.some((c) => c > from && c <= table.tracking[0]!.on);
  if (!covering && !untouched) throw changeTrackingMissing(qualifiedName(table));
  return { from, to };
}

const wasReplaced = (t: Table, core: Core): boolean => core.catalog.schemaOf(t).dropped.some((d) => d.name === t.name);
