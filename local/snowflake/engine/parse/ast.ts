/** What the parser yields. The list is closed: a statement, clause or operator that is not here does not parse. */
import type { SqlType } from '../types.ts';

/** Parts of a dotted name, folded: `"Db".public.T` is `['Db', 'PUBLIC', 'T']`. */
export type Name = string[];

export type Expr =
  | { k: 'number'; text: string }
  | { k: 'string'; value: string }
  | { k: 'boolean'; value: boolean }
  | { k: 'null' }
  | { k: 'binary'; hex: string }
  | { k: 'column'; name: Name }
  | { k: 'star'; qualifier: Name; exclude: string[] }
  | { k: 'bind'; index: string }
  | { k: 'variable'; name: string }
  | FunctionCall
  | { k: 'cast'; of: Expr; type: SqlType; try: boolean }
  | { k: 'unary'; op: '-' | '+' | 'NOT'; of: Expr }
  | { k: 'op'; op: string; left: Expr; right: Expr }
  | { k: 'case'; of: Expr | null; whens: { when: Expr; then: Expr }[]; otherwise: Expr | null }
  | { k: 'in'; of: Expr[]; list: Expr[][] | null; query: Query | null; not: boolean }
  | { k: 'between'; of: Expr; low: Expr; high: Expr; not: boolean }
  | { k: 'like'; of: Expr; pattern: Expr; escape: Expr | null; not: boolean; insensitive: boolean }
  | { k: 'is'; of: Expr; what: 'NULL' | 'TRUE' | 'FALSE'; not: boolean }
  | { k: 'distinct'; left: Expr; right: Expr; not: boolean }
  | { k: 'exists'; query: Query }
  | { k: 'subquery'; query: Query }
  | { k: 'path'; of: Expr; steps: (string | Expr)[] };

export type FunctionCall = {
  k: 'call';
  name: string;
  args: Expr[];
  distinct: boolean;
  withinGroup: OrderItem[];
  over: Window | null;
};

export type Window = { partition: Expr[]; order: OrderItem[]; frame: string | null };
export type OrderItem = { by: Expr; desc: boolean; nullsFirst: boolean | null };

/** `text` is the item's source, Snowflake's name of an unnamed column. */
export type SelectItem = { expr: Expr; alias: string | null; text: string };

export type Point = {
  by: 'TIMESTAMP' | 'OFFSET' | 'STATEMENT' | 'STREAM';
  which: 'AT' | 'BEFORE' | 'END';
  value: Expr;
};
export type Changes = { information: 'DEFAULT' | 'APPEND_ONLY'; at: Point; end: Point | null };

export type TableRef = {
  k: 'table';
  name: Name;
  at: Point | null;
  changes: Changes | null;
  alias: string | null;
  columns: string[];
  /** The name is a stage's: its directory table is meant. */
  directory?: true;
};
export type From =
  | TableRef
  | { k: 'derived'; query: Query; alias: string | null; columns: string[] }
  | { k: 'values'; rows: Expr[][]; alias: string | null; columns: string[] }
  | { k: 'resultScan'; id: Expr; alias: string | null; columns: string[] }
  | { k: 'generator'; rows: Expr | null; alias: string | null }
  | { k: 'flatten'; input: Expr; alias: string | null }
  | {
      k: 'join';
      how: 'INNER' | 'LEFT' | 'RIGHT' | 'FULL' | 'CROSS';
      left: From;
      right: From;
      on: Expr | null;
      using: string[];
    };

export type Select = {
  k: 'select';
  distinct: boolean;
  items: SelectItem[];
  from: From | null;
  where: Expr | null;
  groupBy: Expr[] | 'ALL';
  having: Expr | null;
  qualify: Expr | null;
};
export type QueryBody =
  | Select
  | { k: 'rows'; rows: Expr[][] }
  | { k: 'set'; op: 'UNION' | 'EXCEPT' | 'INTERSECT'; all: boolean; left: QueryBody | Query; right: QueryBody | Query };
export type Query = {
  k: 'query';
  ctes: { name: string; columns: string[]; query: Query }[];
  body: QueryBody | Query;
  order: OrderItem[];
  limit: Expr | null;
  offset: Expr | null;
};

export type ColumnDef = {
  name: string;
  type: SqlType;
  notNull: boolean;
  default: Expr | null;
  defaultText: string | null;
  /** Its place in the primary key, from 1 on; 0: it is not in it. */
  primaryKey: number;
  identity: { start: number; step: number } | null;
  comment: string | null;
};
export type TableOptions = { changeTracking: boolean | null; retentionDays: number | null; comment: string | null };
export type TableKind = 'TABLE' | 'VIEW' | 'DYNAMIC TABLE' | 'EVENT TABLE' | 'EXTERNAL TABLE' | 'STAGE';
export type Create = { orReplace: boolean; ifNotExists: boolean; transient: boolean };
export type Assignment = { column: string; value: Expr };
export type MergeWhen =
  | { matched: true; and: Expr | null; set: Assignment[] | 'DELETE' }
  | { matched: false; and: Expr | null; columns: string[]; values: Expr[] };

export type AlterAction =
  | { k: 'addColumn'; ifNotExists: boolean; columns: ColumnDef[] }
  | { k: 'dropColumn'; ifExists: boolean; columns: string[] }
  | { k: 'renameColumn'; from: string; to: string }
  | { k: 'setType'; column: string; type: SqlType }
  | { k: 'setNotNull'; column: string; notNull: boolean }
  | { k: 'setDefault'; column: string; drop: boolean }
  | { k: 'swap'; with: Name }
  | { k: 'rename'; to: Name }
  | { k: 'options'; options: TableOptions };

export type Scope = { kind: 'ACCOUNT' | 'DATABASE' | 'SCHEMA' | 'TABLE'; name: Name } | null;

export type Statement =
  | { k: 'query'; query: Query }
  | { k: 'alterSession'; set: [name: string, value: string | number | boolean][]; unset: string[] }
  | { k: 'use'; what: 'DATABASE' | 'SCHEMA' | 'WAREHOUSE' | 'ROLE'; name: Name }
  | { k: 'set'; name: string; value: Expr | null }
  | {
      k: 'show';
      what: 'TABLES' | 'VIEWS' | 'STREAMS' | 'COLUMNS' | 'SCHEMAS' | 'DATABASES' | 'WAREHOUSES' | 'PRIMARY KEYS';
      /** With what was dropped and can come back. */
      history: boolean;
      like: string | null;
      in: Scope;
    }
  | { k: 'describe'; what: 'TABLE' | 'STREAM'; name: Name }
  | { k: 'createTable'; head: Create; name: Name; columns: ColumnDef[]; options: TableOptions }
  | { k: 'createTableAs'; head: Create; name: Name; columns: string[]; options: TableOptions; query: Query }
  | { k: 'createTableLike'; head: Create; name: Name; like: Name; options: TableOptions }
  | { k: 'cloneTable'; head: Create; name: Name; of: Name; at: Point | null; options: TableOptions }
  | {
      k: 'createNamespace';
      head: Create;
      what: 'DATABASE' | 'SCHEMA';
      name: Name;
      retentionDays: number | null;
      /** A database's that shows what is in this share. */
      share: Name | null;
    }
  | {
      k: 'createView' | 'createDynamicTable';
      head: Create;
      name: Name;
      columns: string[];
      options: TableOptions;
      query: Query;
      /** Of the query. */
      text: string;
    }
  | { k: 'createEventTable'; head: Create; name: Name; options: TableOptions }
  | { k: 'createExternalTable'; head: Create; name: Name; columns: ColumnDef[] }
  /** With a directory table. */
  | { k: 'createStage'; head: Create; name: Name }
  /** Takes files off a stage: those whose path begins so. */
  | { k: 'remove'; name: Name; path: string }
  | { k: 'alterView'; ifExists: boolean; name: Name; options: TableOptions }
  | { k: 'refresh'; name: Name }
  | {
      k: 'createStream';
      head: Create;
      name: Name;
      what: TableKind;
      on: Name;
      at: Point | null;
      mode: 'DEFAULT' | 'APPEND_ONLY' | 'INSERT_ONLY';
      initial: boolean;
      comment: string;
    }
  | {
      k: 'drop';
      what: 'DATABASE' | 'SCHEMA' | 'STREAM' | TableKind;
      ifExists: boolean;
      name: Name;
    }
  | { k: 'undrop'; what: 'DATABASE' | 'SCHEMA' | 'TABLE'; name: Name }
  | { k: 'alterWarehouse'; warehouse: string; autoSuspend: number | null }
  | { k: 'alterTable'; ifExists: boolean; name: Name; action: AlterAction }
  | { k: 'truncate'; ifExists: boolean; name: Name }
  | { k: 'insert'; overwrite: boolean; name: Name; columns: string[]; query: Query }
  | { k: 'update'; name: Name; alias: string | null; set: Assignment[]; from: From | null; where: Expr | null }
  | { k: 'delete'; name: Name; alias: string | null; using: From | null; where: Expr | null }
  | { k: 'merge'; name: Name; alias: string | null; using: From; on: Expr; whens: MergeWhen[] }
  | { k: 'createRole'; role: string; ifNotExists: boolean }
  | {
      k: 'grant';
      /** false: it is taken back. */
      granted: boolean;
      role: string;
      what:
        | { user: string }
        | { privileges: string[]; tables: 'ALL' | 'FUTURE'; schema: Name }
        | {
            privileges: string[];
            kind: 'WAREHOUSE' | 'DATABASE' | 'SCHEMA' | 'STREAM' | TableKind;
            name: Name;
          };
    }
  | { k: 'begin' | 'commit' | 'rollback' }
  | { k: 'script'; body: ScriptStep[]; handler: ScriptStep[] | null };

/** Of a block of Snowflake Scripting. `if` compares SQLROWCOUNT; `raise` throws on what the handler was entered with. */
export type ScriptStep =
  | { k: 'sql'; statement: Statement }
  | { k: 'if'; rows: number; then: ScriptStep[]; otherwise: ScriptStep[] }
  | { k: 'raise' };
