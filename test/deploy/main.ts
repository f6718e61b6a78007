/**
 * `npm run test:deploy`: the real CDK command line deploys the unchanged template to an emulator of AWS, and what it deployed
 * works: schedules fire, plan and publish run in Lambda processes under their own roles against the Snowflake stand-in and
 * Kafka, every third delivery comes twice, processes are killed, and the oracle finds each change exactly once. Then the stack is
 * deployed again, changed, destroyed, and taken up again.
 *
 *   --broker apache|embedded    default: Apache Kafka where Java and Maven are there
 *
 * A real account is another thing: docs/deploy.md says what this can't show.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DynamoDBClient, GetItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { root } from '../../infra/synthesize.ts';
import { loadForStack } from '../../lambdas/config/load.ts';
import { parseEmf } from '../../local/aws/emf.ts';
import { askOracle } from '../../local/demo/oracle.ts';
import { WRITER } from '../../local/demo/stack.ts';
import { isPublished, StateReader, type SourceView } from '../../local/demo/state.ts';
import { fillTable, grantRights, type FilledTable } from '../../local/demo/table.ts';
import { startBroker } from '../../local/kafka/client.ts';
import { startSnowflake } from '../../local/snowflake/client.ts';
import { missingPrerequisite, startApacheKafka } from '../apache-kafka/start.ts';
import { Aws } from './aws.ts';
import { Cdk } from './cdk.ts';
import { ACCOUNT, REGION, startEmulator } from './emulator.ts';

const ROWS = 2_000;
const SEED = 7;
/** A schedule's minute. */
const SECONDS_PER_MINUTE = 10;
const WITHIN_MS = 180_000;

const { values: args } = parseArgs({ options: { broker: { type: 'string' } } });
const apache = args.broker === undefined ? missingPrerequisite() === null : args.broker === 'apache';

const began = performance.now();
const folder = mkdtempSync(join(tmpdir(), 'snowmelt-deploy-'));
// The CDK app takes `config/<env>.yaml`; this one is not the user's.
const environment = '../.cache/deploy/trial';
const configPath = join(root, 'config', `${environment}.yaml`);
let failed = 0;

function check(what: string, holds: boolean, more: unknown = ''): void {
  const seconds = ((performance.now() - began) / 1000).toFixed(1).padStart(6);
  console.log(`${holds ? 'ok  ' : 'FAIL'} ${seconds} s  ${what}`);
  if (holds) return;
  failed++;
  console.log(String(typeof more === 'string' ? more : JSON.stringify(more, null, 1)).slice(-3000));
}

async function until<T>(look: () => Promise<T | null | false>, withinMs = WITHIN_MS): Promise<T | null> {
  for (const end = performance.now() + withinMs; performance.now() < end; await sleep(250)) {
    const found = await look();
    if (found !== null && found !== false) return found;
  }
  return null;
}

type Made = { snowflake: string; brokers: string[]; topics: boolean; slow: string };

const yaml = ({ snowflake, brokers, topics, slow }: Made) => `
app: trial
snowflake:
  account: stand-in
  accessUrl: ${snowflake}
  user: SNOWMELT
  warehouse: LOCAL
  auth: { method: key-pair, secret: trial/snowflake }
kafka:
  brokers: [${brokers.map((broker) => `'${broker}'`).join(', ')}]
  tls: false
  transactionTimeout: 15s
  requestTimeout: 4s
  topicChecks: report
clocks: { safetyLag: 1s, margin: 200ms, lease: 5s }
aws:
  vpc: { subnets: [subnet-0a1b2c3d], securityGroups: [sg-0a1b2c3d] }
  cluster: arn:aws:kafka:${REGION}:${ACCOUNT}:cluster/trial/4c5d6e7f-8a9b-4c0d-9e1f-2a3b4c5d6e7f-3
${topics ? '  topics: { replication: 1, minInsync: 1 }\n' : ''}  publishers: 20
  alarms: { page: 'arn:aws:sns:${REGION}:${ACCOUNT}:page', ticket: 'arn:aws:sns:${REGION}:${ACCOUNT}:ticket' }
sources:
  flights:
    table: DEMO.PUBLIC.FLIGHTS
    key: [ID]
    topic: { name: trial.flights, partitions: 6 }
    partitions: 2
    memory: 2048
  # Due so seldom that it only tells whether a changed schedule changes anything else.
  seldom:
    table: DEMO.PUBLIC.SELDOM
    key: [ID]
    topic: { name: trial.seldom, partitions: 1 }
    every: ${slow}
`;

const closing: (() => unknown)[] = [];
try {
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const snowflake = await startSnowflake({
    users: [
      { name: 'SNOWMELT', publicKeys: [keys.publicKey] },
      { name: WRITER.user, password: WRITER.password },
    ],
  });
  closing.push(() => snowflake.stop());
  const kafka = apache ? await startApacheKafka() : await embedded();
  closing.push(() => kafka.stop());
  console.log(`Kafka: ${apache ? 'Apache Kafka' : 'the embedded broker'}`);

  const hook = `${process.execPath} ${join(import.meta.dirname, 'topic-hook.ts')}`;
  const emulator = await startEmulator(folder, {
    SECONDS_PER_MINUTE: String(SECONDS_PER_MINUTE),
    DUPLICATE: '3',
    TOPIC_HOOK: hook,
    TOPIC_BROKERS: kafka.brokers.join(','),
  });
  closing.push(() => emulator.stop());
  Object.assign(process.env, emulator.env);
  const aws = new Aws(emulator.url);
  const cdk = new Cdk(folder, emulator.env);

  mkdirSync(join(root, '.cache/deploy'), { recursive: true });
  const write = (changes: Partial<Made>) => {
    const made = { snowflake: snowflake.url, brokers: kafka.brokers, topics: true, slow: '6h', ...changes };
    writeFileSync(configPath, yaml(made));
    return loadForStack(readFileSync(configPath, 'utf8'), { path: configPath, deployment: 1 }).config;
  };
  const config = write({});
  const [source] = config.sources;

  const secrets = new SecretsManagerClient({});
  closing.push(() => secrets.destroy());
  const SecretString = JSON.stringify({ privateKey: keys.privateKey });
  await secrets.send(new CreateSecretCommand({ Name: 'trial/snowflake', SecretString }));
  const table = await fillTable({ config, snowflake, folder }, source!, { rows: ROWS, seed: SEED, maxRows: 40 });
  await grantRights({ config, snowflake }, [source!]);
  closing.push(() => table.close());
  const reader = new StateReader({ ...config.table, region: REGION }, source!.name);
  closing.push(() => reader.close());
  const view = () => reader.read().catch((): SourceView | null => null);

  // ---- deploy
  const synth = (out: string) =>
    cdk.run('synth', '--quiet', '-c', `env=${environment}`, '-c', 'deployment=1', '-o', join(folder, out));
  const deploy = (out: string, ...more: string[]) =>
    cdk.run('deploy', '--app', join(folder, out), '--require-approval', 'never', ...more);

  let ran = await cdk.run('bootstrap', `aws://${ACCOUNT}/${REGION}`, '--app', '');
  check('cdk bootstrap', ran.code === 0, ran.output);
  ran = await synth('first');
  check('cdk synth', ran.code === 0, ran.output);
  ran = await deploy('first');
  check('cdk deploy, topics and alarms included', ran.code === 0, ran.output);
  if (ran.code !== 0) throw new Error('nothing was deployed');

  // ---- it works
  check(
    'the schedule fires: the first window is written',
    (await until(async () => ((await view())?.windows.length ?? 0) > 0)) !== null,
  );
  const killer = kill(() => emulator.workers());
  table.writer.start(150, (error) => check('the writer writes', false, error.message));
  const worked = await until(async () => {
    const now = await view();
    return now !== null && now.windows.length >= 3 && killer.killed() >= 4;
  });
  check('windows follow while processes are killed', worked !== null, await view());
  killer.stop();
  await table.writer.stop();
  await published('all is published');
  await exactlyOnce();
  console.log(`     ${killer.killed()} processes of functions were killed`);

  // ---- permissions, failures, logs
  const role = await roleOf('snowmelt-trial-plan');
  const asPlan = new DynamoDBClient({ credentials: await aws.assume(role) });
  closing.push(() => asPlan.destroy());
  const outcome = (asked: Promise<unknown>) =>
    asked.then(
      () => 'allowed',
      (error: unknown) => String(error),
    );
  const TableName = config.table.name;
  const scan = await outcome(asPlan.send(new ScanCommand({ TableName })));
  check('a call that the role of plan does not allow is refused', /AccessDenied/.test(scan), scan);
  const Key = { pk: { S: 'source#flights' }, sk: { S: 'meta' } };
  const got = await outcome(asPlan.send(new GetItemCommand({ TableName, Key })));
  check('one that it allows is not', got === 'allowed', got);

  const Entries = [
    {
      EventBusName: 'snowmelt-trial',
      Source: 'snowmelt.trial',
      DetailType: 'publish',
      Detail: '{"source":"nobody","partition":0}',
    },
  ];
  await aws.call('events', 'AWSEvents.PutEvents', { Entries });
  const told = await until(() => failureOf('PublishFailures', 'SOURCE_UNKNOWN'), 30_000);
  check('what fails goes to the failure queue, once and with its error', told !== null);

  const metrics = await until(async () => {
    const found = await metricNames();
    return found.has('FreshnessSeconds') && found.has('Rows') && found;
  }, 30_000);
  check('logs hold the metrics of source flights', metrics !== null, [...(await metricNames())]);

  // ---- again, changed, destroyed, taken up again
  ran = await deploy('first');
  check('a second deploy changes nothing', ran.code === 0 && /\(no changes\)/.test(ran.output), ran.output);
  write({ slow: '12h' });
  await synth('second');
  ran = await cdk.run('diff', '--app', join(folder, 'second'), '--method=template');
  const changes = [...ran.output.matchAll(/^\[([+~-])\] (AWS::\S+)/gm)]
    .map((match) => `${match[1]} ${match[2]}`)
    .sort();
  const expected = ['+ AWS::Scheduler::Schedule', '- AWS::Scheduler::Schedule', '~ AWS::Lambda::LayerVersion'];
  check('another `every`: the diff shows that schedule and the layer', changes.join() === expected.join(), ran.output);
  ran = await deploy('second');
  check('it is deployed', ran.code === 0, ran.output);

  ran = await cdk.run('destroy', '--app', join(folder, 'second'), '--force');
  const kept = ['DynamoDB::Table', 'SQS::Queue', 'Logs::LogGroup', 'MSK::Topic'];
  const skipped = kept.filter((type) => !new RegExp(`DELETE_SKIPPED\\s+\\| AWS::${type}`).test(ran.output));
  check('cdk destroy keeps table, queues, logs and topics', ran.code === 0 && skipped.length === 0, ran.output);
  const before = (await view())?.windows.length ?? 0;
  await table.writer.commit();
  // Topics that were kept can't be found by name: they are left out of the configuration from now on.
  write({ topics: false, slow: '12h' });
  await synth('third');
  ran = await deploy('third');
  check(
    'a plain deploy over the kept table is refused',
    ran.code !== 0 && /already exists/.test(ran.output),
    ran.output,
  );
  ran = await deploy('third', '--import-existing-resources');
  const imported = /IMPORT_COMPLETE\s+\| AWS::DynamoDB::Table/.test(ran.output);
  check('cdk deploy --import-existing-resources takes it up', ran.code === 0 && imported, ran.output);
  const onwards = await until(async () => ((await view())?.windows.length ?? 0) > before);
  check('it goes on where it was', onwards !== null, await view());
  await published('what was committed meanwhile is published');
  await exactlyOnce();

  // ---- helpers that go with the deployment

  async function published(what: string): Promise<void> {
    const done = await until(async () => {
      const now = await view();
      return now !== null && isPublished(now, table.writer.lastCommit);
    });
    check(what, done !== null, await view());
  }

  async function exactlyOnce(): Promise<void> {
    const said: string[] = [];
    const verdict = await oracle(table, said);
    const { records, missing, duplicated, reordered, mismatched } = verdict;
    const defects = missing + duplicated + reordered + mismatched;
    check(`the oracle: ${records} records, 0 missing, doubled, reordered or wrong`, defects === 0, said.join('\n'));
  }

  function oracle({ writer, rows }: FilledTable, said: string[]) {
    const { name, topic, key, format } = source!;
    const checkpoints = { ...config.table, region: REGION };
    return askOracle(
      {
        brokers: kafka.brokers,
        topic,
        key,
        tombstones: format.tombstones,
        checkpoints,
        source: name,
        rows,
        ledger: writer.ledger.path,
        lastCommit: String(writer.lastCommit),
      },
      (line) => said.push(line),
    );
  }

  async function roleOf(name: string): Promise<string> {
    const reply = await fetch(`${emulator.url}/2015-03-31/functions/${name}`, {
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request' },
    });
    return ((await reply.json()) as { Configuration: { Role: string } }).Configuration.Role;
  }

  async function failureOf(queue: string, code: string): Promise<true | null> {
    const { QueueUrls = [] } = await aws.call<{ QueueUrls?: string[] }>('sqs', 'AmazonSQS.ListQueues', {});
    const QueueUrl = QueueUrls.find((url) => url.includes(queue) && !url.includes('2048'));
    if (QueueUrl === undefined) return null;
    type Reply = { Messages?: { Body: string }[] };
    const input = { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 };
    const { Messages = [] } = await aws.call<Reply>('sqs', 'AmazonSQS.ReceiveMessage', input);
    return Messages.some(({ Body }) => Body.includes(code) || Body.includes('no source nobody')) ? true : null;
  }

  async function metricNames(): Promise<Set<string>> {
    const names = new Set<string>();
    for (const fn of ['plan', 'publish-2048']) {
      const input = { logGroupName: `/aws/lambda/snowmelt-trial-${fn}`, filterPattern: '"CloudWatchMetrics"' };
      type Reply = { events?: { message: string }[] };
      const { events = [] } = await aws.call<Reply>('logs', 'Logs_20140328.FilterLogEvents', input);
      for (const { message } of events) {
        for (const metric of parseEmf(message) ?? [])
          if (metric.dimensions['source'] === 'flights') names.add(metric.name);
      }
    }
    return names;
  }
} catch (error) {
  check('came to its end', false, error instanceof Error ? error.stack : String(error));
} finally {
  for (const close of closing.reverse()) await close();
  if (failed === 0) rmSync(folder, { recursive: true, force: true });
  else console.log(`kept: ${folder}, ${relative(root, configPath)}`);
}
console.log(failed === 0 ? 'test:deploy: ok' : `test:deploy: ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function embedded(): Promise<{ brokers: string[]; stop(): Promise<void> }> {
  const broker = await startBroker();
  return { brokers: [broker.broker], stop: () => broker.stop() };
}

/** SIGKILL for one of the functions' processes now and then. */
function kill(workers: () => number[]): { killed(): number; stop(): void } {
  let killed = 0;
  const timer = setInterval(() => {
    const pids = workers();
    const pid = pids[Math.floor(Math.random() * pids.length)];
    if (pid === undefined) return;
    try {
      process.kill(pid, 'SIGKILL');
      killed++;
    } catch {
      // It ended by itself.
    }
  }, 5_000);
  return { killed: () => killed, stop: () => clearInterval(timer) };
}
