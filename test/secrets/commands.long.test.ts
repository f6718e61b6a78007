/**
 * Secrets and rows are planted; a source is well, one stops at rows that can't be sent, one is refused by Snowflake with a
 * row's value in its words. What every command prints of them, as text and with `--json`, and what people are told, is searched.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendJson } from '../../local/aws/http.ts';
import { LocalDeployment } from '../cli/snowmelt.ts';
import type { Event, Outcome } from './functions.ts';
import { findMarks } from './marks.ts';
import { aws, planted, rows } from './planted.ts';
import { CAST, NO_SHAPE, PlantedStands, secretOrEvents } from './planted-stands.ts';

let world: PlantedStands;
const deployment = new LocalDeployment();
/** The functions' process takes one invocation after the other. */
let last: Promise<unknown> = Promise.resolve();

function invoke(event: Event): Promise<Outcome> {
  const next = last.then(() => world.functions.invoke({ ...event, config: deployment.path }));
  last = next;
  return next;
}

beforeAll(async () => {
  world = await PlantedStands.start();
  world.server.state.answer = ({ target, input }, response) => {
    if (/GetSecretValue|PutEvents/.test(target)) return secretOrEvents(target, input);
    // Lambda's Invoke, of operate.
    void invoke({ fn: 'operate', event: input as never }).then((outcome) => {
      const failed = 'failure' in outcome;
      sendJson(response, 200, failed ? outcome.failure : outcome.answer, {
        ...(failed && { 'x-amz-function-error': 'Unhandled' }),
      });
    });
    return undefined;
  };
});
afterAll(async () => {
  await world.stop();
  deployment.remove();
});

type Printed = { command: string; text: string };

/** What the command prints, as text and as JSON. */
function run(...args: string[]): Promise<Printed[]> {
  const runs = [[], ['--json']].map(async (more) => {
    const all = [...args, '--local', ...more];
    const { stdout, stderr } = await deployment.run(all, { env: aws });
    return { command: all.join(' '), text: stdout + stderr };
  });
  return Promise.all(runs);
}

test('no command prints a planted secret or row, and nobody is told one', { timeout: 180_000 }, async () => {
  const { stands, server } = world;
  const well = await world.source(rows.name);
  const twice = await world.source(rows.twice, { key: ['NAME'] }, 2);
  const failing = await world.source('1', { shape: { ...NO_SHAPE, computed: [CAST] } });
  const whole = await world.config([well, twice, failing]);
  const config = { ...whole, aws: { ...whole.aws, notifications: true } };
  deployment.deploy(config);
  for (let minute = 0; minute < 4; minute++) {
    await stands.passMinutes(1);
    await invoke({ fn: 'plan', event: { every: 'rate(1 minute)' } });
  }
  for (const { name } of [well, twice, failing])
    await invoke({ fn: 'publish', event: { detail: { source: name, partition: 0 } } });
  await invoke({ fn: 'plan', event: { tick: 'unfinished' } });
  // What is next: another row, and one whose name is no number.
  await stands.sql(
    `INSERT INTO DB.PUBLIC.${well.object.name} VALUES (2, '${rows.name}', '${rows.email}')`,
    `INSERT INTO DB.PUBLIC.${failing.object.name} VALUES (2, '${rows.large}', '${rows.email}')`,
  );
  await stands.passMinutes(1);

  const printed = [
    ...(await run('status')),
    ...(await run('check')),
    ...(await run('preview', well.name)),
    ...(await run('preview', failing.name)),
    ...(await run('verify', well.name)),
    ...(await run('recover', twice.name)),
    ...(await run('pause', well.name, '--reason', 'a rehearsal')),
  ];
  // And with each sign-in refused.
  deployment.deploy({
    ...config,
    snowflake: { ...config.snowflake, auth: { method: 'token', secret: 'stolen' } },
    kafka: { ...config.kafka, auth: { method: 'scram-sha-512', secret: 'scram' } },
    registry: world.registryWith('wrong-registry'),
    sources: [{ ...well, format: { type: 'avro', key: 'avro', envelope: 'debezium', tombstones: true } }],
  });
  printed.push(...(await run('check')), ...(await run('preview', well.name)));
  deployment.deploy(config);
  await invoke({ fn: 'plan', event: { tick: 'unfinished' } });

  for (const { command, text } of printed) {
    expect(text.length, command).toBeGreaterThan(50);
    expect(findMarks(text, planted), command).toEqual([]);
  }
  const all = printed.map(({ text }) => text).join('\n');
  for (const code of ['DUPLICATE_KEY', 'Numeric value … is not recognized', 'SNOWFLAKE_LOGIN', 'REGISTRY_UNAUTHORIZED'])
    expect(all).toContain(code);

  const entries = server.asked.flatMap(
    ({ input }) => (input['Entries'] ?? []) as { DetailType: string; Detail: string }[],
  );
  const told = entries.filter(({ DetailType }) => DetailType === 'notification').map(({ Detail }) => Detail);
  expect(told.join('\n')).toMatch(/snapshot-begun[^]*"what":"pause"/);
  expect(findMarks(JSON.stringify(told), planted)).toEqual([]);

  // Asked for, values are shown: the search would have found them.
  const [shown] = await run('preview', well.name, '--show-values');
  expect(findMarks(shown!.text, { name: rows.name })).not.toEqual([]);
});
