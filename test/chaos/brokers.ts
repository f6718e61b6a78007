/** Three brokers that can be hurt: Apache Kafka's own, or the embedded one's three nodes. */
import type { RunningKafka } from '../../local/demo/stack.ts';
import { Random } from '../../local/demo/random.ts';
import { startBroker } from '../../local/kafka/client.ts';
import { startApacheKafka } from '../apache-kafka/start.ts';
import type { BrokerFaults } from './faults.ts';

export type Topics = Record<string, number>;
export type Cluster = RunningKafka & { faults(topics: () => Topics): BrokerFaults };

const NODES = 3;
const HURT_ONE_AT_A_TIME_MS = 1_000;

export async function startCluster(which: 'local' | 'apache', seed: number): Promise<Cluster> {
  const random = new Random(seed);
  const partitionOf = (topics: Topics) => {
    const topic = random.pick(Object.keys(topics));
    return { topic, partition: random.whole(0, topics[topic]! - 1), node: random.whole(1, NODES) };
  };
  if (which === 'local') {
    const broker = await startBroker({ listeners: NODES });
    return {
      brokers: broker.brokers,
      stop: () => broker.stop(),
      faults: (topics) => ({
        kill: oneAtATime(async () => {
          const node = random.whole(1, NODES);
          await broker.takeDown(node);
          await sleep(random.whole(100, 1_000));
          await broker.bringUp(node);
        }),
        pause: null,
        moveLeader: () => {
          const { topic, partition, node } = partitionOf(topics());
          return broker.moveLeader(topic, partition, node);
        },
      }),
    };
  }
  const kafka = await startApacheKafka({ nodes: NODES });
  const hurt = serial();
  return {
    brokers: kafka.brokers,
    stop: () => kafka.stop(),
    faults: (topics) => ({
      kill: () =>
        hurt(async () => {
          const node = random.pick(kafka.nodes);
          node.kill();
          await sleep(random.whole(100, 500));
          await node.start();
        }),
      pause: () =>
        hurt(async () => {
          const node = random.pick(kafka.nodes);
          node.pause();
          await sleep(random.whole(300, 2_500));
          node.resume();
        }),
      moveLeader: () => {
        const { topic, partition, node } = partitionOf(topics());
        return kafka.moveLeader(topic, partition, node);
      },
    }),
  };
}

/** Of three, one may be away: min.insync.replicas is two. */
function serial(): (work: () => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined).then(() => sleep(HURT_ONE_AT_A_TIME_MS));
    return mine;
  };
}

function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  const take = serial();
  return () => take(work);
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
