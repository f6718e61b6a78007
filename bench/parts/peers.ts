import type { Context } from '../context.ts';
import { median, type Line, type Part } from '../part.ts';
import { rowsPerSecond, summary, type Run } from '../run.ts';
import { publishAndCheck } from './pipeline.ts';

const TOPIC_PARTITIONS = 6;
/** A tenth of the rows is long enough for a program this slow. */
const NAIVE_SHARE = 10;

/** To be measured too, and not here yet: told, so that no one takes the table for whole. */
const missing = [
  'Kafka Connect, JDBC source (its jar is in no registry)',
  'quixstreams + snowflake-connector-python',
  'confluent-kafka + snowflake-connector-python',
  'Go: gosnowflake + franz-go',
];

async function naive(context: Context, run: number): Promise<Run> {
  const kafka = await context.kafka();
  const set = await context.served('typed', Math.ceil(context.args.rows / NAIVE_SHARE));
  const topic = `bench.naive-${run}`;
  await kafka.createTopic(topic, TOPIC_PARTITIONS);
  try {
    return await context.measured('peers/naive.ts', [set.address, set.index, kafka.brokers[0]!, topic]);
  } finally {
    await kafka.deleteTopic(topic);
  }
}

/** What people use today. */
export const peers: Part = {
  name: 'peers',
  what: 'other programs on the same rows, from the same server to the same brokers, one core; their records are flat, without a key, at least once, ours are envelopes, exactly once: stated, not corrected for',
  async run(context) {
    const set = await context.served('flights');
    const ours: Run[] = [];
    const theirs: Run[] = [];
    for (let run = 0; run < context.args.runs; run++) {
      ours.push(await publishAndCheck(context, set));
      theirs.push(await naive(context, run));
    }
    const ratio = median(ours.map((one, at) => rowsPerSecond(one) / rowsPerSecond(theirs[at]!)));
    const line = (made: Line, guarantee: string, times: string): Line => ({
      name: made.name,
      values: { guarantee, ...made.values, 'Snowmelt is': times },
    });
    return [
      line(summary('Snowmelt, pipeline', ours), 'exactly once', ''),
      line(summary('Node: snowflake-sdk + kafkajs', theirs), 'at least once', `${ratio.toFixed(1)} x`),
      ...missing.map((name): Line => ({ name, values: { guarantee: 'not run' } })),
    ];
  },
};
