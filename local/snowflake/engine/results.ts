/** Finished results: rows in a DuckDB table, in result order, or a few rows in memory (SHOW, DESCRIBE, DML, DDL). */
import type { EngineResult, ResultColumn } from '../contract.ts';
import { textLiteral } from './compile/value.ts';
import type { OutColumn } from './compile/scope.ts';
import type { Core } from './core.ts';
import * as types from './types.ts';
import { physicalType, resultColumn, wireText, type SqlType } from './types.ts';

export const STATEMENT_TYPE = {
  select: 0x1000,
  insert: 0x3100,
  update: 0x3200,
  delete: 0x3300,
  merge: 0x3400,
  session: 0x4000,
  transaction: 0x5000,
  ddl: 0x6000,
} as const;

/** What RESULT_SCAN reads: whose it is, its columns, and SQL that yields them by `id`. */
export type StoredResult = { owner: string; columns: OutColumn[]; sql: string };

/** A result whose rows lie in `results.r<n>`. */
export function tableResult(
  core: Core,
  queryId: string,
  owner: string,
  table: string,
  columns: OutColumn[],
  rowCount: number,
): EngineResult {
  core.results.set(queryId, { owner, columns, sql: `SELECT ${columns.map((c) => c.id).join(', ')} FROM ${table}` });
  const cells = columns.map((c) => wireText(c.id, c.type));
  return {
    columns: columns.map((c) => resultColumn(c.name, c.type, c.nullable)),
    rowCount,
    statementTypeId: STATEMENT_TYPE.select,
    chunk: async (start, end) => {
      const row = `CAST(to_json([${cells.join(', ')}]) AS VARCHAR)`;
      const sql = `SELECT encode(coalesce(array_to_string(list(${row} ORDER BY rowid), ','), ''))
        FROM ${table} WHERE rowid >= ${start} AND rowid < ${end}`;
      const rows = await core.db.with((c) => c.rows(sql));
      return (rows[0]![0] as { bytes: Uint8Array }).bytes;
    },
    sizes: async (from, step) => {
      const blocks = await core.db.with((c) =>
        c.rows(`SELECT (rowid - ${from}) // ${step} AS b, CAST(sum(strlen(CAST(to_json([${cells.join(', ')}]) AS VARCHAR))) + count(*) - 1 AS BIGINT)
          FROM ${table} WHERE rowid >= ${from} GROUP BY b ORDER BY b`),
      );
      return blocks.map((block) => Number(block[1]));
    },
    drop: async () => {
      if (!core.results.delete(queryId)) return;
      await core.db.with((c) => c.run(`DROP TABLE IF EXISTS ${table}`));
    },
  };
}

export type SmallColumn = [name: string, type: SqlType];
/** Cells in DuckDB's text form of their type: timestamps as nanoseconds, booleans as true or false. */
export type SmallRow = (string | null)[];

export function smallResult(
  core: Core,
  queryId: string,
  owner: string,
  columns: SmallColumn[],
  rows: SmallRow[],
  statementTypeId: number,
): EngineResult {
  const out: OutColumn[] = columns.map(([name, type], i) => ({ name, id: `c${i}`, type, nullable: true }));
  const empty = `SELECT ${out.map((c) => `CAST(NULL AS ${physicalType(c.type)}) AS ${c.id}`).join(', ')} WHERE FALSE`;
  const cell = (v: string | null, type: SqlType): string =>
    `CAST(${v === null ? 'NULL' : textLiteral(v)} AS ${physicalType(type)})`;
  const values = rows.map((row) => `(${row.map((v, i) => cell(v, columns[i]![1])).join(', ')})`).join(', ');
  const sql = rows.length === 0 ? empty : `SELECT * FROM (VALUES ${values}) v(${out.map((c) => c.id).join(', ')})`;
  core.results.set(queryId, { owner, columns: out, sql });
  const wire = rows.map((row) => row.map((v, i) => smallWire(v, columns[i]![1])));
  return {
    columns: out.map((c) => resultColumn(c.name, c.type, c.nullable)),
    rowCount: rows.length,
    statementTypeId,
    chunk: async (start, end) =>
      Buffer.from(
        wire
          .slice(start, end)
          .map((row) => JSON.stringify(row))
          .join(','),
      ),
    drop: async () => void core.results.delete(queryId),
  };
}

function smallWire(v: string | null, type: SqlType): string | null {
  if (v === null) return null;
  if (type.kind === 'boolean') return v === 'true' ? '1' : '0';
  if (!types.isTimestamp(type)) return v;
  const ns = BigInt(v);
  const fraction = (ns % 1_000_000_000n).toString().padStart(9, '0').slice(0, type.scale);
  return `${ns / 1_000_000_000n}${type.scale > 0 ? `.${fraction}` : ''}`;
}

export const described = (columns: ResultColumn[], statementTypeId: number): EngineResult => ({
  columns,
  rowCount: 0,
  statementTypeId,
  chunk: async () => new Uint8Array(),
  drop: async () => undefined,
});
