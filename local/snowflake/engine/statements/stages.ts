/** Stages, of which only the directory table is here: a row is a file, its rows come by the control plane's `load` and go by REMOVE. */
import { existsAlready } from '../errors.ts';
import type { Statement } from '../parse/ast.ts';
import { smallResult, STATEMENT_TYPE, type SmallColumn } from '../results.ts';
import { createSql, currentTable } from '../storage/table.ts';
import { resultColumn, text } from '../types.ts';
import { columnsOf } from '../usage.ts';
import { newTable } from './ddl.ts';
import type { Prepared, Run } from './run.ts';
import { write } from './transactions.ts';

const DIRECTORY = `RELATIVE_PATH VARCHAR, SIZE NUMBER(38,0), LAST_MODIFIED TIMESTAMP_TZ(3), MD5 VARCHAR, ETAG VARCHAR,
  FILE_URL VARCHAR`;

export async function createStage({ head, name }: Extract<Statement, { k: 'createStage' }>, run: Run): Promise<string> {
  const { core, host } = run;
  const full = core.catalog.resolve(name, host);
  const { stages } = core.catalog.schema([full.database, full.schema], host);
  const existing = stages.get(full.name);
  if (existing && head.ifNotExists) return `${full.name} already exists, statement succeeded.`;
  if (existing && !head.orReplace) throw existsAlready(`${full.database}.${full.schema}.${full.name}`);
  await core.commit(host.id, async (time) => {
    const stage = newTable(run, full, head, { changeTracking: true, retentionDays: null, comment: null }, time);
    stage.stage = true;
    stage.columns = columnsOf(DIRECTORY);
    stage.nextColumn = stage.columns.length;
    await core.db.with((c) => c.run(createSql(stage)));
    if (existing) existing.droppedOn = time;
    stages.set(full.name, stage);
  });
  return `Stage area ${full.name} successfully created.`;
}

export async function dropStage(
  { name, ifExists }: Extract<Statement, { k: 'drop' }>,
  { core, host }: Run,
): Promise<string> {
  const { catalog } = core;
  const last = name.at(-1)!;
  if (ifExists && catalog.findStage(name, host) === null)
    return `Drop statement executed successfully (${last} already dropped).`;
  const stage = catalog.stage(name, host);
  await core.commitLock.hold(async () => {
    stage.droppedOn = core.clock.commitTime();
    catalog.schemaOf(stage).stages.delete(stage.name);
  });
  return `${last} successfully dropped.`;
}

/** The directory is told at once, as where the cloud's notices refresh it. */
export function prepareRemove({ name, path }: Extract<Statement, { k: 'remove' }>, run: Run): Prepared {
  const stage = run.core.catalog.stage(name, run.host);
  const shown: SmallColumn[] = [
    ['name', text()],
    ['result', text()],
  ];
  return {
    needsWarehouse: false,
    statementTypeId: STATEMENT_TYPE.ddl,
    readOnly: false,
    columns: () => shown.map(([column, type]) => resultColumn(column, type, true)),
    execute: async () => {
      const column = stage.columns[0]!.id;
      const files = `FROM ${currentTable(stage)} WHERE starts_with(${column}, '${path.replaceAll("'", "''")}')`;
      const removed = await write(run, stage, true, async (c, overlay) => {
        const rows = await c.rows(`SELECT ${column} ${files} ORDER BY 1`);
        await c.run(`INSERT INTO ${overlay.ended} SELECT __rid ${files}`);
        return rows.map(([file]) => [`${stage.name.toLowerCase()}/${String(file)}`, 'removed']);
      });
      return smallResult(run.core, run.queryId, run.host.owner, shown, removed, STATEMENT_TYPE.ddl);
    },
  };
}
