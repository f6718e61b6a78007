/** Statements of stream sources: what consumes does so in its turn alone, and nothing else can get into the text. */
import { expect, test } from 'vitest';
import type { StreamRequest } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Column } from '../../lambdas/protocol/window.ts';
import { scanStatement } from '../../lambdas/snowflake/sql/scan.ts';
import * as sql from '../../lambdas/snowflake/sql/stream.ts';

const column = (name: string, type: string, precision: number | null = null, scale: number | null = null): Column => {
  return { name, type, precision, scale, nullable: true };
};
const name = (of: string) => ({ database: 'DB', schema: `it's`, name: of });
const request = (number: number, change: Partial<StreamRequest> = {}): StreamRequest => ({
  layout: {
    number: 1,
    deployment: 1,
    partitions: 2,
    object: name('T'),
    information: 'APPEND_ONLY',
    key: ['METADATA$ROW_ID'],
    topic: 't',
    topicPartitions: 1,
    stream: { managed: true, staging: { database: 'DB', schema: 'STAGING' } },
  },
  turn: { stream: name('S'), number },
  life: `1'2`,
  initial: true,
  table: name('STAGE'),
  columns: [column('ID', 'NUMBER', 38, 0), column('AT', 'TIMESTAMP_NTZ', 3), column('METADATA$ROW_ID', 'VARCHAR')],
  comment: `it's`,
  ...change,
});

test('stream, stage and ledger', () => {
  expect(sql.createStreamStatement(request(1))).toBe(
    `CREATE STREAM IF NOT EXISTS "DB"."it's"."S" ON TABLE "DB"."it's"."T" APPEND_ONLY = TRUE SHOW_INITIAL_ROWS = TRUE COMMENT = 'it''s'`,
  );
  expect(sql.createStageStatement(request(2))).toBe(
    `CREATE TRANSIENT TABLE "DB"."it's"."STAGE" ("ID" NUMBER(38,0), "AT" TIMESTAMP_NTZ(3), ` +
      `"METADATA$ACTION" VARCHAR, "METADATA$ISUPDATE" BOOLEAN, "METADATA$ROW_ID" VARCHAR) ` +
      `DATA_RETENTION_TIME_IN_DAYS = 0 COMMENT = 'it''s'`,
  );
  expect(sql.createLedgerStatement(request(1))).toMatch(
    /^CREATE TABLE IF NOT EXISTS "DB"\."STAGING"\."SNOWMELT_LEDGER_[0-9A-F]{24}" COMMENT = 'it''s' AS SELECT /,
  );
  const ledgers = ['S', 's', 'T'].map((of) => sql.ledgerOf(name(of), { database: 'DB', schema: 'STAGING' }).name);
  expect(new Set(ledgers).size).toBe(3);
  const vector = request(1, { columns: [column('ID', 'NUMBER'), column('E', 'VECTOR')] });
  expect(() => sql.createStageStatement(vector)).toThrow(expect.objectContaining({ code: 'TYPE_UNSUPPORTED' }));
});

test('the block moves the ledger from the stage before, or another life’s, and consumes with that or not at all', () => {
  const block = (of: StreamRequest) => {
    const text = sql.consumptionStatement(of);
    expect(text.startsWith(`EXECUTE IMMEDIATE 'BEGIN\n`)).toBe(true);
    return text.slice(`EXECUTE IMMEDIATE '`.length, -1).replaceAll(`''`, `'`);
  };
  expect(block(request(3))).toContain(`WHERE "LIFE" = '1''2' AND "STAGE" = 2;\nIF (SQLROWCOUNT = 1) THEN\nINSERT INTO`);
  expect(block(request(1))).toContain(`WHERE "LIFE" <> '1''2';\nIF (SQLROWCOUNT = 1) THEN\nINSERT INTO`);
  expect(block(request(3))).toContain(
    `INSERT INTO "DB"."it's"."STAGE" SELECT * FROM "DB"."it's"."S";\nCOMMIT;\nELSE\nROLLBACK;`,
  );
  expect(() => sql.consumptionStatement(request(0.5))).toThrow();
});

test('a window reads its stage: the stream’s own action and row id', () => {
  const { layout, table, columns } = request(2);
  const bounds = { from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T00:01:00.000Z' };
  const text = scanStatement({ kind: 'changes', layout, columns, ...bounds, staged: { table, base: null } });
  expect(text).toContain('"METADATA$ACTION" AS "A", "METADATA$ROW_ID" AS "R"\nFROM "DB"."it\'s"."STAGE")');
  expect(text).not.toMatch(/TIMESTAMP =>|CHANGES/);
  // Rows of files have no id: nothing but all their columns puts them in order.
  expect(text).toMatch(/ORDER BY .*"A", "R", "C0", "C1", "C2"$/);
  expect(sql.sourceColumns(columns, { key: ['ID'] }).map((each) => each.name)).toEqual(['ID', 'AT']);
  expect(sql.sourceColumns(columns, layout)).toHaveLength(3);
});
