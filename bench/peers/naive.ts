/**
 * The program that anyone would write in Node: snowflake-sdk's rows as they come, JSON.stringify, kafkajs.
 * node naive.ts <address> <index of the set> <broker> <topic>
 *
 * Idempotent, so at least once: nothing remembers how far it came. Settings: a stream of rows
 * (https://docs.snowflake.com/en/developer-guide/node-js/nodejs-driver-consume), 1,000 records a send, acks of all replicas
 * (https://kafka.js.org/docs/producing).
 */
import '../../lambdas/snowflake/environment.ts';
import { Kafka, logLevel } from 'kafkajs';
import snowflake, { type RowStatement } from 'snowflake-sdk';
import { measure } from '../measured/meter.ts';

const [accessUrl = '', index = '', broker = '', topic = ''] = process.argv.slice(2);
const RECORDS = 1_000;

snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false, disableOCSPChecks: true });
const connection = snowflake.createConnection({ account: 'a', username: 'u', password: 'p', accessUrl });
await connection.connectAsync(() => undefined);
const kafka = new Kafka({ clientId: 'naive', brokers: [broker], logLevel: logLevel.NOTHING });
const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
await producer.connect();

await measure(async () => {
  const statement = await new Promise<RowStatement>((resolve, reject) => {
    connection.execute({
      sqlText: `SELECT * FROM BENCH.PUBLIC.FLIGHTS -- set ${index}`,
      streamResult: true,
      complete: (error, done) => (error ? reject(error) : resolve(done)),
    });
  });
  const seen = { rows: 0, bytes: 0 };
  let messages: { value: string }[] = [];
  const send = async () => {
    await producer.send({ topic, messages });
    messages = [];
  };
  for await (const row of statement.streamRows()) {
    const value = JSON.stringify(row);
    messages.push({ value });
    seen.rows++;
    seen.bytes += value.length;
    if (messages.length === RECORDS) await send();
  }
  if (messages.length > 0) await send();
  return seen;
});
