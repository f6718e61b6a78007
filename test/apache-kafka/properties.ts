/** The settings of one node, broker and controller in one: small, quick to start, quick to notice a failure. */
export type NodePorts = { plain: number; signedIn: number; controller: number };

/** What ACLs don't bind: tests beside the product. Who does not sign in is another. */
export const SUPER_USER = 'tests';

/** `users` may sign in at a listener of their own, where they may do what ACLs allow; none: there are no ACLs. */
export function serverProperties(
  node: number,
  ports: readonly NodePorts[],
  logDir: string,
  users: readonly string[],
): Record<string, string> {
  const nodes = ports.length;
  const own = ports[node - 1]!;
  const replicas = String(Math.min(nodes, 3));
  const inSync = String(nodes >= 3 ? 2 : 1);
  const internalPartitions = String(nodes === 1 ? 1 : 3);
  const listeners = [`PLAIN://127.0.0.1:${String(own.plain)}`];
  if (users.length > 0) listeners.push(`SIGNED_IN://127.0.0.1:${String(own.signedIn)}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': String(node),
    'controller.quorum.bootstrap.servers': ports.map((p) => `127.0.0.1:${String(p.controller)}`).join(','),
    listeners: [...listeners, `CONTROLLER://127.0.0.1:${String(own.controller)}`].join(','),
    'advertised.listeners': listeners.join(','),
    'listener.security.protocol.map': 'PLAIN:PLAINTEXT,SIGNED_IN:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAIN',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': logDir,
    'num.partitions': '1',
    'auto.create.topics.enable': 'false',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.num.partitions': internalPartitions,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': internalPartitions,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'group.initial.rebalance.delay.ms': '0',
    // The scan for transactions past their time-out; the default of 10 s is only slower.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
    'num.network.threads': '2',
    'num.io.threads': '2',
    'num.recovery.threads.per.data.dir': '1',
    'log.cleaner.dedupe.buffer.size': '4194304',
    'log.segment.bytes': '268435456',
    'log.index.size.max.bytes': '1048576',
    'offsets.topic.segment.bytes': '4194304',
    'transaction.state.log.segment.bytes': '4194304',
    ...(nodes > 1 ? SEVERAL_NODES : {}),
    ...(users.length > 0 ? accessControl(users) : {}),
  };
}

/** A user's name is its password. */
function accessControl(users: readonly string[]): Record<string, string> {
  const passwords = [...users, SUPER_USER].map((user) => ` user_${user}="${user}"`).join('');
  return {
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': `User:ANONYMOUS;User:${SUPER_USER}`,
    'sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.signed_in.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required${passwords};`,
  };
}

const SEVERAL_NODES = {
  'broker.session.timeout.ms': '3000',
  'broker.heartbeat.interval.ms': '500',
  'controller.quorum.election.timeout.ms': '500',
  'controller.quorum.fetch.timeout.ms': '1000',
  'replica.lag.time.max.ms': '5000',
  // With the default of 500 the end of a transaction waits that long on an idle cluster.
  'replica.fetch.wait.max.ms': '50',
};
