/** What is edited under a running source, over real parts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resnapshot } from '../../lambdas/protocol/operate.ts';
import { Stands, type Pipeline } from './pipeline.ts';

let stands: Stands;
beforeAll(async () => {
  stands = await Stands.start();
  await stands.sql('CREATE SCHEMA DB.STAGING', 'CREATE SCHEMA DB.DATA');
});
afterAll(() => stands.stop());

const shape = { include: null, exclude: [], computed: [], where: null, masks: [], skip: [] };

/** Ticks that nobody publishes, until there is one more window. */
async function planned(pipeline: Pipeline): Promise<number> {
  const head = async () => (await pipeline.state())?.head?.number ?? 0;
  const before = await head();
  for (let tick = 0; tick < 4 && (await head()) === before; tick++) {
    await pipeline.tick();
    await stands.passMinutes(1);
  }
  expect(await head()).toBe(before + 1);
  return before + 1;
}

test('key, filter and masks are edited: what was read before goes out as it was cut, and first', async () => {
  await stands.sql(
    'CREATE TABLE DB.DATA.EDITED (A NUMBER(9,0) NOT NULL, B NUMBER(9,0) NOT NULL, V VARCHAR, CARD VARCHAR) CHANGE_TRACKING = TRUE',
    `INSERT INTO DB.DATA.EDITED VALUES (1, 10, 'one', '4000'), (2, 20, 'two', '5000'), (3, 30, 'three', '6000')`,
  );
  const pipeline = await stands.configured({ table: 'DB.DATA.EDITED', key: ['A'], partitions: 2 });
  await pipeline.run(2);
  await stands.sql(`UPDATE DB.DATA.EDITED SET V = 'uno' WHERE A = 1`, 'DELETE FROM DB.DATA.EDITED WHERE A = 2');
  const before = await planned(pipeline);

  pipeline.source.key = ['A', 'B'];
  const masks = [{ column: 'CARD', mask: { kind: 'truncate' as const, length: 2 } }];
  pipeline.source.shape = { ...shape, where: `V <> 'gone'`, masks };
  await stands.sql(
    `UPDATE DB.DATA.EDITED SET V = 'eins' WHERE A = 1`,
    `UPDATE DB.DATA.EDITED SET V = 'gone' WHERE A = 3`,
    `INSERT INTO DB.DATA.EDITED VALUES (4, 40, 'four', '7000'), (5, 50, 'gone', '8000')`,
  );
  const after = await planned(pipeline);
  for (let round = 0; round < 3; round++) for (const partition of [0, 1]) await pipeline.publish(partition);

  const records = (await pipeline.published()).filter(({ op }) => op !== 'tombstone');
  const of = (window: number) =>
    records
      .filter((record) => record.window === window)
      .map(({ op, key, after: image }) => `${op} ${JSON.stringify(key)} ${Object.values(image ?? {}).join(' ')}`.trim())
      .sort();
  expect(of(before)).toEqual(['d {"A":2}', 'u {"A":1} 1 10 uno 4000']);
  expect(of(after)).toEqual(['c {"A":4,"B":40} 4 40 four 70', 'd {"A":3,"B":30}', 'u {"A":1,"B":10} 1 10 eins 40']);
  await pipeline.finish();
  const state = (await pipeline.state())!;
  expect([...state.layouts.keys()].sort()).toEqual([1, 2]);
  expect(state.windows).toEqual([]);

  await resnapshot(pipeline.store, pipeline.source.name);
  await pipeline.run(2);
  const all = (await pipeline.state())!.head!.number;
  expect(of(all)).toEqual([]);
  const newest = (await pipeline.published())
    .filter(({ window }) => window === all)
    .map(({ key }) => JSON.stringify(key));
  expect(newest.sort()).toEqual(['{"A":1,"B":10}', '{"A":4,"B":40}']);
  expect(pipeline.codes).toEqual([]);
});
