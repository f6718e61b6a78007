import type { Context } from '../context.ts';
import type { Brokers } from '../kafka.ts';
import type { Line, Part } from '../part.ts';
import { summary, type Run } from '../run.ts';

const PARTITIONS = 6;
/** kafkajs takes ten times as long, and a slow network longer still: they get fewer records. */
const SLOWER = 4;
const wires = [
  { name: '5 ms round trip', wire: { roundTripMs: 5, bytesPerSecond: Infinity } },
  { name: '50 ms round trip', wire: { roundTripMs: 50, bytesPerSecond: Infinity } },
  { name: '10 MB/s, 5 ms round trip', wire: { roundTripMs: 5, bytesPerSecond: 10e6 } },
];

let made = 0;

async function publishOnce(context: Context, kafka: Brokers, sink: string, records: number): Promise<Run> {
  const topic = `bench.publish-${++made}`;
  await kafka.createTopic(topic, PARTITIONS);
  await kafka.createTopic(`${topic}.control`, 1);
  try {
    const args = [sink, kafka.brokers[0]!, topic, `${topic}.control`, records];
    return await context.measured('measured/publish.ts', args);
  } finally {
    await kafka.deleteTopic(topic);
  }
}

/** Bytes -> acknowledged. */
export const publish: Part = {
  name: 'publish',
  what: 'records -> acknowledged and committed, 50,000 a transaction, six topicPartitions; against kafkajs as its documentation has it, and a socket that sends one finished batch again and again without transactions',
  async run(context) {
    const { rows, runs } = context.args;
    const kafka = await context.kafka();
    const fewer = Math.ceil(rows / SLOWER);
    context.say('warming the broker up');
    await publishOnce(context, kafka, 'snowmelt', 2 * rows);
    const series = { raw: [] as Run[], snowmelt: [] as Run[], kafkajs: [] as Run[] };
    for (let run = 0; run < runs; run++) {
      series.raw.push(await publishOnce(context, kafka, 'raw', rows));
      series.snowmelt.push(await publishOnce(context, kafka, 'snowmelt', rows));
      series.kafkajs.push(await publishOnce(context, kafka, 'kafkajs', fewer));
    }
    const lines: Line[] = [
      summary('raw socket, the floor', series.raw),
      summary('snowmelt', series.snowmelt, series.raw),
      summary('kafkajs', series.kafkajs, series.raw),
    ];
    const shaped = await context.shapedKafka();
    if (shaped === null) return lines;
    await publishOnce(context, shaped.kafka, 'snowmelt', rows);
    for (const { name, wire } of wires) {
      shaped.port.wire = wire;
      const slow: Run[] = [];
      for (let run = 0; run < runs; run++) slow.push(await publishOnce(context, shaped.kafka, 'snowmelt', fewer));
      lines.push(summary(`snowmelt, ${name}`, slow));
    }
    return lines;
  },
};
