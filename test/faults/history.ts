/** A small table that is tracked, and a source on it. */
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import type { Pipeline, Stands } from './pipeline.ts';

export const COLUMNS = '(ID NUMBER(9,0) NOT NULL, NAME VARCHAR NOT NULL, AMOUNT NUMBER(10,2)) CHANGE_TRACKING = TRUE';

export async function threeRows(stands: Stands, source: Partial<ResolvedSource> = {}): Promise<Pipeline> {
  const pipeline = await stands.pipeline({ source });
  await stands.sql(
    `CREATE TABLE ${pipeline.tableName} ${COLUMNS}`,
    `INSERT INTO ${pipeline.tableName} VALUES (1, 'one', 1), (2, 'two', 2), (3, 'three', 3)`,
  );
  await stands.passMinutes(1);
  return pipeline;
}
