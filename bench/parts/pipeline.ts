import { readTopic, SnapshotCheck } from '../consumer.ts';
import type { Context, Served } from '../context.ts';
import type { SourceOptions } from '../deployment.ts';
import type { Part } from '../part.ts';
import { summary, timed, type Run } from '../run.ts';
import { tables } from '../tables.ts';

/** Ten times as many rows take long, and are there to show that memory stays: fewer runs do. */
const LONG_RUNS = 2;

/** One whole invocation, then every record it wrote is looked at. */
export async function publishAndCheck(
  context: Context,
  set: Served,
  options: Omit<SourceOptions, 'dataset' | 'index'> = {},
): Promise<Run> {
  const [kafka, deployment] = await Promise.all([context.kafka(), context.deployment()]);
  const source = await deployment.source({ dataset: set, index: set.index, ...options });
  const topics = [source.topic, ...(source.before === null ? [] : [source.before.topic])];
  for (const topic of topics) await kafka.createTopic(topic, source.topicPartitions);
  try {
    await deployment.ready(source, 0);
    const run = await timed(async () => {
      const { wallMs, cpuMs, rssMb, stallMs } = await deployment.publish(source, 0);
      return { rows: set.rows, bytes: 0, wallMs, cpuMs, rssMb, stallMs };
    });
    const check = new SnapshotCheck(set.rows, tables[set.table].columns[0]!.name, [0]);
    await readTopic(kafka.brokers[0]!, source.topic, source.topicPartitions, check.onRecord);
    if (check.rows !== set.rows || check.checksum !== set.checksum)
      throw new Error(`${check.rows} of ${set.rows} rows arrived, checksum ${check.checksum}, not ${set.checksum}`);
    return { ...run, bytes: check.bytes };
  } finally {
    for (const topic of topics) await kafka.deleteTopic(topic);
  }
}

/** A broker's first rows meet a JVM that has compiled nothing yet, and memory for its log that nothing has touched. */
export async function warmBroker(context: Context, set: Served): Promise<void> {
  context.say('warming the broker up');
  await publishAndCheck(context, set);
}

export const pipeline: Part = {
  name: 'pipeline',
  what: 'the deployed publish bundle, one whole invocation: sign-in, chunks, JSON envelopes, transactions of 50,000 rows exactly once into six topicPartitions, a checkpoint for each; every record is checked by a consumer afterwards',
  async run(context) {
    const { rows, runs } = context.args;
    const flights = await context.served('flights');
    const wide = await context.served('wide', Math.max(1, Math.round(rows / 4)));
    const long = await context.served('flights', rows * 10);
    const series = {
      floor: [],
      flights: [],
      warm: [],
      wideFloor: [],
      wide: [],
      sdkFloor: [],
      sdk: [],
      longFloor: [],
      long: [],
    } as Record<'floor' | 'flights' | 'warm' | 'wideFloor' | 'wide' | 'sdkFloor' | 'sdk' | 'longFloor' | 'long', Run[]>;
    await warmBroker(context, flights);
    for (let run = 0; run < runs; run++) {
      context.say(`pipeline ${run + 1} of ${runs}`);
      series.floor.push(await context.floor(flights));
      series.flights.push(await publishAndCheck(context, flights));
      series.warm.push(await publishAndCheck(context, flights, { warm: true }));
      series.wideFloor.push(await context.floor(wide));
      series.wide.push(await publishAndCheck(context, wide));
      series.sdkFloor.push(await context.measured('measured/sdk-floor.ts', [flights.address, flights.queryId]));
      series.sdk.push(await publishAndCheck(context, flights, { reader: 'sdk' }));
    }
    await warmBroker(context, long);
    for (let run = 0; run < Math.min(runs, LONG_RUNS); run++) {
      context.say(`pipeline, ${long.rows} rows, ${run + 1} of ${Math.min(runs, LONG_RUNS)}`);
      series.longFloor.push(await context.floor(long));
      series.long.push(await publishAndCheck(context, long));
    }
    return [
      summary('floor', series.floor),
      summary('10 columns', series.flights, series.floor),
      summary('10 columns, in an environment that has published before', series.warm, series.floor),
      summary(`10 columns, ${rows * 10} rows`, series.long, series.longFloor),
      summary('40 columns (their own floor)', series.wide, series.wideFloor),
      summary("10 columns, reader: sdk (of the SDK's floor)", series.sdk, series.sdkFloor),
    ];
  },
};
