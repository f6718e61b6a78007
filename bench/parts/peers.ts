import { addArrow } from '../arrow.ts';
import { readTopic } from '../consumer.ts';
import { file, type Context, type Served } from '../context.ts';
import { median, type Line, type Part } from '../part.ts';
import { passesOf, type Mode, type Passes } from '../peers/connect.ts';
import { goProgram, kafkaConnect, python, QUIET } from '../peers/tools.ts';
import { runPinned } from '../processes.ts';
import { rowsPerSecond, summary, timed, type Run, type Timed } from '../run.ts';
import { publishAndCheck, warmBroker } from './pipeline.ts';

/** None of the programs remembers how far it came in the transaction that its records are in. */
const AT_LEAST_ONCE = 'at least once';
/** A tenth of the rows is long enough for a program this slow. */
const NAIVE_SHARE = 10;

type Peer = {
  name: string;
  results: 'Arrow' | 'JSON';
  /** What a slow program is given of the rows: one of so many. */
  share?: number;
  /** The command that takes address, set, broker and topic, and prints what measured/meter.ts prints. @throws what is missing */
  command(): string[];
};

const programs: Peer[] = [
  {
    name: 'Go: gosnowflake + franz-go',
    results: 'Arrow',
    command: () => [goProgram()],
  },
  {
    name: 'Python: snowflake-connector-python + confluent-kafka',
    results: 'Arrow',
    command: () => [python(), file('peers/python/confluent.py')],
  },
  {
    name: 'Python: snowflake-connector-python + quixstreams',
    results: 'Arrow',
    command: () => [python(), file('peers/python/quix.py')],
  },
  {
    name: 'Node: snowflake-sdk + kafkajs',
    results: 'JSON',
    share: NAIVE_SHARE,
    command: () => [process.execPath, file('peers/naive.ts')],
  },
];

/** One run, and whether all rows arrived. Its topic has one topicPartition, which fills their batches best. */
async function runPeer(context: Context, set: Served, command: string[], topic: string): Promise<Run> {
  const kafka = await context.kafka();
  await kafka.createTopic(topic, 1);
  try {
    const args = [set.address, String(set.index), kafka.brokers[0]!, topic];
    const run = await timed(async () => JSON.parse(await runPinned([...command, ...args], QUIET)) as Timed);
    let rows = 0;
    await readTopic(kafka.brokers[0]!, topic, 1, () => rows++);
    if (rows !== set.rows || run.rows !== rows) throw new Error(`${rows} of ${set.rows} rows arrived`);
    return run;
  } finally {
    await kafka.deleteTopic(topic);
  }
}

/** Runs of one program, or why there are none. */
type Outcome = Run[] | Error;

async function attempt<T>(work: () => Promise<T>): Promise<T | Error> {
  return work().catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
}

/** Arrow is made with pyarrow. Without it all drivers get JSON: the reason. */
async function makeArrow(rows: number): Promise<Error | null> {
  try {
    await addArrow(python(), 'typed', rows);
    return null;
  } catch (error) {
    return error as Error;
  }
}

function lineOf(name: string, guarantee: string, results: string, outcome: Outcome, ours: readonly Run[]): Line {
  if (outcome instanceof Error) {
    return { name, values: { guarantee: `not run: ${outcome.message}`.replaceAll('|', '/').replaceAll('\n', ' ') } };
  }
  const pairs = outcome.map((run, at) => [ours[at] ?? ours.at(-1)!, run] as const);
  const ratio = median(pairs.map(([own, theirs]) => rowsPerSecond(own) / rowsPerSecond(theirs)));
  const { values } = summary(name, outcome);
  return { name, values: { guarantee, results, ...values, 'Snowmelt is': `${ratio.toFixed(2)} x` } };
}

/**
 * The first pass is by a JVM that has compiled nothing yet, the others are not; the latter are held against our runs in a process
 * that has published before, each right after its pass.
 */
function connectLines(mode: Mode, passes: Passes | Error, results: string, ours: readonly Run[]): Line[] {
  const way = mode === 'bulk' ? 'bulk' : 'incrementing';
  const guarantee = mode === 'bulk' ? AT_LEAST_ONCE : mode;
  if (passes instanceof Error) return [lineOf(`Kafka Connect, JDBC source, ${way}`, guarantee, results, passes, ours)];
  const { runs, beside, source } = passes;
  const name = `Kafka Connect, JDBC source (${source}), ${way}`;
  return [
    lineOf(`${name}, cold JVM`, guarantee, results, runs.slice(0, 1), ours),
    lineOf(`${name}, warm JVM`, guarantee, results, runs.slice(1), beside.slice(1)),
  ];
}

/** What people use today. */
export const peers: Part = {
  name: 'peers',
  what: 'other programs on the same rows, from the same server to the same brokers, one core; their records are flat, without a key, at least once unless it says otherwise, ours are envelopes with a key, exactly once: stated, not corrected for',
  async run(context) {
    const { rows, runs, jdbcSource } = context.args;
    const noArrow = await makeArrow(rows);
    if (noArrow !== null) context.say(`Drivers get JSON instead of Arrow: ${noArrow.message}`);
    const resultsOf = (wanted: string) => (noArrow === null ? wanted : 'JSON');
    const flights = await context.served('flights');
    const typed = await context.served('typed', rows);
    await warmBroker(context, flights);
    const ours: Run[] = [];
    const outcomes = new Map<Peer, Outcome>(programs.map((peer) => [peer, []]));
    for (let run = 0; run < runs; run++) {
      context.say(`peers ${run + 1} of ${runs}`);
      ours.push(await publishAndCheck(context, flights));
      for (const peer of programs) {
        const before = outcomes.get(peer)!;
        if (before instanceof Error) continue;
        const { name, share = 1 } = peer;
        context.say(name);
        const set = share === 1 ? typed : await context.served('typed', Math.ceil(rows / share));
        const topic = `bench.peer-${programs.indexOf(peer)}-${run}`;
        outcomes.set(peer, await attempt(async () => [...before, await runPeer(context, set, peer.command(), topic)]));
      }
    }
    const lines = [lineOf('Snowmelt, pipeline', 'exactly once', 'JSON', ours, ours)];
    const besides = () => publishAndCheck(context, flights, { warm: true });
    const warm: Run[] = [];
    for (const mode of ['bulk', 'exactly once'] as const) {
      const passes = await attempt(async () =>
        passesOf(context, typed, kafkaConnect(jdbcSource), mode, runs + 1, besides),
      );
      if (!(passes instanceof Error)) warm.push(...passes.beside.slice(1));
      lines.push(...connectLines(mode, passes, resultsOf('Arrow'), ours));
    }
    if (warm.length > 0)
      lines.splice(
        1,
        0,
        lineOf('Snowmelt, in an environment that has published before', 'exactly once', 'JSON', warm, ours),
      );
    for (const peer of programs) {
      lines.push(lineOf(peer.name, AT_LEAST_ONCE, resultsOf(peer.results), outcomes.get(peer)!, ours));
    }
    return lines;
  },
};
