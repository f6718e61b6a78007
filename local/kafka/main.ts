/**
 * The broker as a process: `node local/kafka/main.ts '{"topics":[{"name":"orders"}]}'`. Prints one line of JSON when
 * it is ready and ends when its standard input closes, so it never outlives the one that started it.
 */
import { Broker } from './broker.ts';
import { commandsOf } from './commands.ts';
import { startControl } from './control.ts';
import { Events } from './events.ts';
import type { BrokerOptions } from './options.ts';
import { KafkaServer } from './server.ts';

const broker = new Broker(JSON.parse(process.argv[2] ?? '{}') as Partial<BrokerOptions>);
const events = new Events();
const server = new KafkaServer(broker, events);
await server.listen();
const control = await startControl(commandsOf(broker, server, events));

const brokers = broker.nodes.all.map(({ host, port }) => `${host}:${String(port)}`);
console.log(JSON.stringify({ ready: true, brokers, control: control.url }));

async function stop(): Promise<void> {
  await Promise.all([server.close(), control.close()]);
  broker.close();
  process.exit(0);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
process.stdin.on('end', () => void stop()).resume();
