/** Commands of Kafka's own tools that mend what was found. */
import type { ResolvedConfig } from '../../config/resolved.ts';
import type { SnowmeltError } from '../../errors.ts';

type Brokers = Pick<ResolvedConfig['kafka'], 'brokers'>;

export function makeTopic(kafka: Brokers, topic: string, partitions: number): string {
  const safe = '--replication-factor 3 --config min.insync.replicas=2';
  return `${tool('topics', kafka)} --create --topic ${topic} --partitions ${partitions} ${safe}`;
}

export function growTopic(kafka: Brokers, topic: string, partitions: number): string {
  return `${tool('topics', kafka)} --alter --topic ${topic} --partitions ${partitions}`;
}

export function safeTopic(kafka: Brokers, topic: string, setting: string): string[] {
  return [`${tool('configs', kafka)} --alter --entity-type topics --entity-name ${topic} --add-config ${setting}`];
}

/** The right that the error names, as the command that gives it. */
export function kafkaFix(
  { app, kafka }: Pick<ResolvedConfig, 'app' | 'kafka'>,
  { code, message }: SnowmeltError,
): string[] {
  const [, operation, kind, name] =
    /needed: ([A-Z_]+) on (?:the )?(topic|group|transactional id|cluster) ?(.*)$/.exec(message) ?? [];
  if (code !== 'KAFKA_UNAUTHORIZED' || operation === undefined) return [];
  if (kafka.auth.method === 'iam') {
    return [
      `npx cdk deploy gives the functions ${operation} on ${kind} ${name}; the cluster's own policy must not refuse it`,
    ];
  }
  const named = kind === 'group' || kind === 'transactional id';
  // Of groups and ids all that the app has, as they are rendered for the setup.
  const resource = named
    ? `--${kind.replace(' ', '-')} 'snowmelt:${app}:' --resource-pattern-type prefixed`
    : kind === 'cluster'
      ? '--cluster'
      : `--topic '${name}'`;
  const words = operation.toLowerCase().split('_');
  const spelt = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
  return [`${tool('acls', kafka)} --add --allow-principal 'User:<of the functions>' ${resource} --operation ${spelt}`];
}

export function bootstrap({ brokers }: Brokers): string {
  return `--bootstrap-server ${brokers.join(',')}`;
}

function tool(name: string, kafka: Brokers): string {
  return `kafka-${name}.sh ${bootstrap(kafka)}`;
}
