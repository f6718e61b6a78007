/** Brokers, topics, rights and markers, and the checkpoint table that markers are held against. */
import { allSettings } from '../../config/patterns.ts';
import type { ResolvedConfig, ResolvedSource } from '../../config/resolved.ts';
import { SnowmeltError, type ErrorCode } from '../../errors.ts';
import type { Checkpoints } from '../../protocol/ports/checkpoints.ts';
import type { Clock } from '../../protocol/ports/effects.ts';
import type { Kafka } from '../../protocol/ports/kafka.ts';
import type { SourceState } from '../../protocol/ports/state.ts';
import { inspect, type PartitionFindings, type Way } from '../../protocol/recover.ts';
import { weaknesses } from '../../protocol/topic-safety.ts';
import { sourcePlan } from '../../settings.ts';
import { forEach, type Findings } from './findings.ts';
import { growTopic, kafkaFix, makeTopic, safeTopic } from './kafka-fixes.ts';

type Ports = { kafka: Kafka; checkpoints: Checkpoints; clock: Clock };
/** What Kafka has for a source, and what of it disagrees with the table. */
type Seen = { topicPartitions: number | null; controlPartitions: number | null; wrong: Wrong[]; ways: Way[] };
type Wrong = { code: ErrorCode; message: string };

/** In the place of a source's name, which none can have: its transactional id is nobody's, so nobody is fenced. */
const NOBODY = '_check';

export async function checkKafka(ports: Ports, config: ResolvedConfig, findings: Findings): Promise<void> {
  const [first, ...rest] = config.sources;
  const seen = new Map<ResolvedSource, Seen>();
  const look = async (source: ResolvedSource) => {
    const found = await checkSource(ports, config, source, findings);
    if (found !== null) seen.set(source, found);
  };
  if (first === undefined) return;
  // Brokers that don't answer are waited for once.
  await look(first);
  if (findings.has('KAFKA_UNREACHABLE')) return;
  await forEach(rest, look);
  checkControlTopic(config, findings, [...seen.values()]);
  await checkProducers(ports.kafka, config, findings, seen);
}

async function checkSource(
  ports: Ports,
  config: ResolvedConfig,
  source: ResolvedSource,
  findings: Findings,
): Promise<Seen | null> {
  const { name, topic, topicPartitions, delivery, schemaTopic, progressTopic, deadLetterTopic } = source;
  const fixOf = (error: SnowmeltError) => kafkaFix(config, error);
  const stored = await findings.attempt(
    name,
    () => [],
    async () => ({ state: await ports.checkpoints.look(name) }),
  );
  const seen = await findings.attempt(name, fixOf, () => inspected(ports, config, source, stored?.state));
  if (seen === null) return null;
  for (const { code, message } of seen.wrong) {
    const ways = seen.ways.map((way) => `npx snowmelt recover ${name} --take ${way} --reason "..."`);
    findings.fail(name, new SnowmeltError(code, message), ways);
  }
  for (const other of [schemaTopic, progressTopic, deadLetterTopic]) {
    if (other === undefined) continue;
    const found = await findings.attempt(name, fixOf, () =>
      ports.kafka.inspect({ source: NOBODY, partitions: 0, topic: other.name }),
    );
    if (found !== null) checkCount(config, findings, name, other.name, found.topicPartitions, other.partitions);
  }
  const count = seen.topicPartitions;
  // A topic that is still to be made is no finding.
  if (count === null && source.makeTopic !== undefined) return seen;
  checkCount(config, findings, name, topic, count, topicPartitions);
  if (count === null) return seen;
  const facts = await findings.attempt(name, fixOf, () => ports.kafka.facts(topic));
  if (facts === null) return seen;
  if (delivery === 'at-least-once' && facts.topic.compacted === true) {
    const what = `Topic ${topic} is compacted: with at-least-once it may keep an older row.`;
    findings.fail(
      name,
      new SnowmeltError('TOPIC_UNSAFE', what),
      safeTopic(config.kafka, topic, 'cleanup.policy=delete'),
    );
  }
  const weak = weaknesses(facts, config.kafka.offsetsRetentionMs);
  if (weak.length > 0) {
    const what = `Topic ${topic} is too weak for exactly once: ${weak.join('; ')}.`;
    if (config.kafka.topicChecks === 'report') findings.note(name, what);
    else findings.fail(name, new SnowmeltError('TOPIC_UNSAFE', what), strengthen(config, topic, facts));
  }
  const hidden = [...Object.values(facts.topic), facts.offsetsRetentionMs].includes(null);
  if (hidden) findings.note(name, `The brokers hide settings of topic ${topic}: make sure of them (docs/deploy.md).`);
  return seen;
}

function strengthen({ kafka }: ResolvedConfig, topic: string, facts: Awaited<ReturnType<Kafka['facts']>>): string[] {
  const { replication, minInsyncReplicas, uncleanElection } = facts.topic;
  const few = minInsyncReplicas !== null && minInsyncReplicas < 2;
  const retention = facts.offsetsRetentionMs;
  return [
    ...(replication < 2 ? [`kafka-reassign-partitions.sh: 3 replicas for ${topic}, or make it anew with them`] : []),
    ...(few ? safeTopic(kafka, topic, 'min.insync.replicas=2') : []),
    ...(uncleanElection === true ? safeTopic(kafka, topic, 'unclean.leader.election.enable=false') : []),
    ...(retention !== null && retention < kafka.offsetsRetentionMs
      ? [`kafka: offsetsRetention: ${retention / 60_000}m, or offsets.retention.minutes of the brokers`]
      : []),
  ];
}

/** `state`: null where the source has not begun; undefined where it is not known, and so nothing can disagree with it. */
async function inspected(
  ports: Ports,
  config: ResolvedConfig,
  source: ResolvedSource,
  state: SourceState | null | undefined,
): Promise<Seen> {
  const { name, topic, partitions, delivery } = source;
  if (!state) {
    const found = await ports.kafka.inspect({ source: name, partitions: state === null ? partitions : 0, topic });
    const foreign = found.markers.some((marker) => marker !== null) && delivery === 'exactly-once';
    const what = `Kafka has a position of ${name}, but the table knows nothing of it: another deployment of app ${config.app}, or a new table.`;
    return { ...found, wrong: foreign ? [{ code: 'STATE_DISAGREES', message: what }] : [], ways: [] };
  }
  const settings = { leaseMs: config.clocks.leaseMs, offsetsRetentionMs: config.kafka.offsetsRetentionMs };
  const found = await inspect(ports, settings, sourcePlan(config, source));
  const after = await ports.checkpoints.look(name);
  // Who publishes now moves both on meanwhile, and looks for himself.
  const still = ({ partition }: PartitionFindings) => {
    const [was, is] = [state, after].map((at) => at?.partitions.find((item) => item.partition === partition));
    return was !== undefined && is?.epoch === was.epoch && is.leaseUntil <= ports.clock.now();
  };
  const judged = delivery === 'exactly-once' ? found.partitions.filter(still) : [];
  const wrong = judged.flatMap(({ partition, verdict, message }): Wrong[] =>
    verdict === 'agrees' ? [] : [{ code: verdict, message: `Partition ${partition}: ${message ?? ''}` }],
  );
  const { table, kafka } = found.clusterId;
  if (table !== null && table !== kafka) {
    wrong.unshift({ code: 'STATE_DISAGREES', message: `The brokers are cluster ${kafka}, the table knows ${table}.` });
  }
  return {
    topicPartitions: found.topic.partitions,
    controlPartitions: found.controlPartitions,
    wrong,
    ways: found.ways,
  };
}

function checkCount(
  { kafka }: ResolvedConfig,
  findings: Findings,
  source: string,
  topic: string,
  count: number | null,
  wanted: number,
): void {
  if (count === wanted) return;
  const what =
    count === null ? `Topic ${topic} does not exist.` : `Topic ${topic} has ${count} partitions, not ${wanted}.`;
  const fix =
    count === null
      ? makeTopic(kafka, topic, wanted)
      : count < wanted
        ? growTopic(kafka, topic, wanted)
        : `${source}: topic: { name: ${topic}, partitions: ${count} }`;
  findings.fail(source, new SnowmeltError('TOPIC_DIFFERS', what), [fix]);
}

/** One partition for each of the source that has most. */
function checkControlTopic(config: ResolvedConfig, findings: Findings, seen: Seen[]): void {
  const { kafka } = config;
  const needed = Math.max(
    0,
    ...allSettings(config).map((each) => (each.delivery === 'exactly-once' ? each.partitions : 0)),
  );
  const count = seen[0]?.controlPartitions;
  if (count === undefined || (count ?? 0) >= needed) return;
  const topic = kafka.controlTopic;
  const what =
    count === null ? `Topic ${topic} does not exist.` : `Topic ${topic} has ${count} partitions, ${needed} are needed.`;
  const fix = count === null ? makeTopic(kafka, topic, needed) : growTopic(kafka, topic, needed);
  findings.fail(null, new SnowmeltError('TOPIC_DIFFERS', what), [fix]);
}

/** What opening takes, by an id under the app's own prefix that no worker has. */
async function checkProducers(
  kafka: Kafka,
  config: ResolvedConfig,
  findings: Findings,
  seen: ReadonlyMap<ResolvedSource, Seen>,
): Promise<void> {
  for (const delivery of ['exactly-once', 'at-least-once'] as const) {
    const fit = [...seen].find(([source, { topicPartitions, controlPartitions }]) => {
      const opens = delivery === 'at-least-once' || (controlPartitions ?? 0) > 0;
      return source.delivery === delivery && topicPartitions !== null && opens;
    });
    if (fit === undefined) continue;
    const [{ topic }, { topicPartitions }] = fit;
    await findings.attempt(
      null,
      (error) => kafkaFix(config, error),
      async () => {
        const producer = await kafka.open({
          source: NOBODY,
          partition: 0,
          topic,
          topicPartitions: topicPartitions!,
          newestTopicPartitions: topicPartitions!,
          partitions: 1,
          delivery,
        });
        await producer.close();
      },
    );
  }
}
