/**
 * Writes what this release keeps, in the table and in Kafka, to test/upgrade/<major.minor>/: part of making a release. What a
 * release wrote is never written again; before it is tagged, remove the folder and freeze anew.
 *
 *   npm run freeze
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import '../protocol/memory/hooks.ts';

const { createBudget } = await import('../../lambdas/checkpoints/budget.ts');
const { namesFor } = await import('../../lambdas/kafka/names.ts');
const { formatMarker } = await import('../../lambdas/kafka/marker.ts');
const { live, MODES } = await import('../protocol/memory/modes.ts');
const { DAY, MINUTE, World } = await import('../protocol/memory/world.ts');
const { freeze } = await import('./frozen.ts');
type Lived = InstanceType<typeof World>;

/** What it makes of rows is Snowflake's matter; here it is what a layout holds. */
const SHAPE = {
  include: null,
  exclude: ['NOTE'],
  computed: [{ name: 'TOTAL', sql: 'A + B', type: { name: 'NUMBER', precision: 38, scale: 0 } }],
  where: 'A > 1',
  masks: [{ column: 'V', mask: { kind: 'truncate' as const, length: 2 } }],
  skip: [],
};

const manifest = readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8');
const { version } = JSON.parse(manifest) as { version: string };
const folder = join(import.meta.dirname, version.split('.').slice(0, 2).join('.'));
if (existsSync(folder)) throw new Error(`${folder} stands already.`);
mkdirSync(folder);
write('begun.json', freeze(await begun()));
write('table.json', freeze(await table()));
write('query.json', freeze(await read('incrementing query')));
write('stream.json', freeze(await read('a managed stream, append-only')));
write('kafka.json', kafka());
process.exit(); // Workers that died wait for replies for ever.

function write(name: string, content: object): void {
  writeFileSync(join(folder, name), `${JSON.stringify(content, null, 1)}\n`);
}

/** A source that was looked at for the first time. */
async function begun(): Promise<Lived> {
  const world = new World();
  for (let key = 0; key < 5; key++) world.commit(key);
  await world.run(world.spawnPlan());
  return world;
}

/** A table with windows of every kind, stopped in the middle of most things that can be going on at a time. */
async function table(): Promise<Lived> {
  const world = new World();
  const { source, wire, snowflake, checkpoints, clock } = world;
  Object.assign(source, {
    topic: 'orders',
    schemaTopic: { name: 'schemas', partitions: 2 },
    onHistoryLost: 'resnapshot',
  });
  world.planSettings.keepWindowsMs = 30 * DAY;
  const keys = (from: number, to: number) => {
    for (let key = from; key < to; key++) world.commit(key);
  };
  const ticks = async (count: number) => {
    for (let i = 0; i < count; i++) await world.tick();
  };
  keys(0, 9);
  await ticks(4);
  keys(1, 4);
  world.commit(5, true);
  await ticks(2);
  // Reads again what changed since the snapshot.
  const since = (await checkpoints.look('s'))!.head!.from;
  await checkpoints.request('s', { id: 'replay-1', kind: 'repair', since, results: null, voids: null });
  await ticks(2);
  snowflake.facts = { ...snowflake.facts, createdOn: 'created-2' };
  keys(0, 4);
  await ticks(4);
  Object.assign(source, { partitions: 3, topicPartitions: 5, deployment: 2, shape: SHAPE });
  keys(0, 6);
  await ticks(3);
  const columns = snowflake.facts.columns.map((column) => ({ ...column, nullable: !column.nullable }));
  snowflake.facts = { ...snowflake.facts, columns };
  keys(2, 5);
  await ticks(2);
  await checkpoints.noteRerun('s', 2, null, { queryId: 'query-again', at: new Date(clock.time).toISOString() });
  await checkpoints.audit('s', { who: 'somebody', what: 'replay', why: 'test', before: '', after: '', at: clock.time });
  await ticks(6);

  if (world.errors.some(({ code }) => code !== 'HISTORY_LOST')) throw new AggregateError(world.errors);

  // One partition has committed in Kafka and nobody knows; one has failed; then the gate fails.
  keys(0, 30);
  let committed = false;
  wire.judge = ({ name, worker }) => {
    if (worker.kind !== 'publish') return null;
    if (name.includes('EndTxn') && !committed) return ((committed = true), 'crash');
    return committed && name.includes('AddPartitionsToTxn') ? 'not sent' : null;
  };
  for (let minutes = 0; minutes < 3 && !committed; minutes++) {
    clock.time += MINUTE;
    await world.run(world.spawnPlan());
    await world.drain();
  }
  wire.judge = ({ name }) => (name === 'gate' ? 'not sent' : null);
  clock.time += MINUTE;
  await world.run(world.spawnPlan());
  // A new snapshot is asked for, and its query runs.
  await checkpoints.request('s', { id: 'snapshot-1', kind: 'snapshot', since: null, results: null, voids: null });
  await crashWhileQueryRuns(world);
  const budget = { creditsPerDay: 1, creditsPerHour: 1, idleMs: MINUTE };
  const address = { name: 'memory', endpoint: null, region: null };
  await createBudget({ table: address, budget })!.used(clock.time, clock.time + DAY / 24);
  return world;
}

/** A query, or a stream, while its next copy is made. */
async function read(mode: string): Promise<Lived> {
  const { world } = await live(MODES[mode]!, 1);
  for (let key = 0; key < 4; key++) world.commit(key);
  await crashWhileQueryRuns(world);
  return world;
}

async function crashWhileQueryRuns(world: Lived): Promise<void> {
  world.wire.judge = ({ name }) => (name === 'status' ? 'crash' : null);
  world.snowflake.slow = () => 1;
  for (let minutes = 0; minutes < 3; minutes++) {
    world.clock.time += MINUTE;
    await world.run(world.spawnPlan());
    if ((await world.checkpoints.look('s'))!.meta.scan !== null) return;
  }
  throw new Error('no query was submitted');
}

function kafka(): object {
  const { group, transactionalId } = namesFor('shop', 'orders', 3, 'shop.orders', 'shop.control');
  const marker = formatMarker({
    position: { window: 7, row: 12 },
    incarnation: 'c7a2f0de-4b8f-4c55-9b0c-3e0d5f1a9b11',
    digest: 'Vd0Jr2h3pQ4xkq1yG7ZbDA',
    to: '2026-01-01T00:07:30.000Z',
    last: 'q9Xw3mPzT1cVb8Nf5LkR2g',
    at: Date.parse('2026-01-01T00:08:00.000Z'),
    sent: { topic: 'shop.orders', topicPartition: 3, offset: 17 },
  });
  return { group, transactionalId, marker };
}
