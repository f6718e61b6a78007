/**
 * The runbook at work: a source is driven into a code that needs an operator, the cause is mended, the commands are run as
 * they are printed, and the source goes on: every row is in the topic, as the table has it. Here what is Kafka's and the
 * table's; Snowflake's and the registry's in the file beside.
 */
import { DynamoDBClient, UpdateItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandFor, EXAMPLE } from '../../lambdas/errors.ts';
import { BY_HAND, INCIDENTS } from '../../scripts/runbook-incidents.ts';
import type { TestTable } from '../checkpoints/table.ts';
import { CODES, follow } from './runbook/follow.ts';
import { KAFKA_CASES } from './runbook/kafka-cases.ts';
import { REFUSALS, refuse } from './runbook/refusals.ts';
import { REGISTRY_CASES } from './runbook/registry-cases.ts';
import { SNOWFLAKE_CASES } from './runbook/snowflake-cases.ts';
import { Stage } from './runbook/stage.ts';
import { STATE_CASES } from './runbook/state-cases.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.start();
});
afterAll(async () => {
  await stage.stop();
});

test('every code that needs an operator has a case', () => {
  const cases = [...KAFKA_CASES, ...STATE_CASES, ...SNOWFLAKE_CASES, ...REGISTRY_CASES, ...REFUSALS];
  expect([...new Set(cases.map(({ code }) => code))].sort()).toEqual([...CODES].sort());
});

test.each([...KAFKA_CASES, ...STATE_CASES])('$code: $what', (each) => follow(stage, each));

test.each(REFUSALS)('$code: $what', (each) => refuse(stage, each));

test('commands for what no code tells are ones that there are, with all they need', async () => {
  const runs = INCIDENTS.flatMap(({ steps }) => steps.flatMap(({ run = [] }) => run));
  const commands = new Set(runs.filter((run) => run.startsWith('npx snowmelt ')));
  expect(commands.size).toBeGreaterThan(5);
  for (const run of commands) {
    // It is read whole, and then finds no configuration: that is as far as it goes here.
    const command = commandFor(run, { ...EXAMPLE, where: '--env no-such' });
    const { stderr } = await stage.ask(command);
    expect(`${command}\n${stderr}`).toContain("CONFIG_INVALID: config/no-such.yaml: can't be read");
  }
});

/** Runs `aws dynamodb update-item` as it is printed, on the test's table. */
async function updateByHand({ name, proxy }: TestTable, command: string): Promise<void> {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
  expect(words.slice(0, 3)).toEqual(['aws', 'dynamodb', 'update-item']);
  const flags = new Map(
    words.slice(3).flatMap((word, at, all) => (word.startsWith('--') ? [[word, all[at + 1]!] as const] : [])),
  );
  expect([...flags.keys()].sort()).toEqual([
    '--condition-expression',
    '--expression-attribute-values',
    '--key',
    '--table-name',
    '--update-expression',
  ]);
  const item = (flag: string) => JSON.parse(flags.get(flag)!) as Record<string, AttributeValue>;
  const client = new DynamoDBClient({ endpoint: proxy.url, region: 'us-east-1' });
  try {
    await client.send(
      new UpdateItemCommand({
        TableName: name,
        Key: item('--key'),
        UpdateExpression: flags.get('--update-expression'),
        ConditionExpression: flags.get('--condition-expression'),
        ExpressionAttributeValues: item('--expression-attribute-values'),
      }),
    );
  } finally {
    client.destroy();
  }
}

test('without the tool: the printed update of the item is what `pause` and `resume` do', async () => {
  const table = await stage.table();
  const pipeline = await stage.made({ table });
  await pipeline.run(1);
  stage.deploy(pipeline);
  const place = { source: pipeline.source.name, where: '--local', env: 'none', window: 0 };
  const meta = async () => (await table.items()).find(({ sk }) => sk!.S === 'meta');
  const byHand = (what: keyof typeof BY_HAND) => updateByHand(table, commandFor(BY_HAND[what], place));
  const byTool = async (what: keyof typeof BY_HAND) => {
    const { stderr } = await stage.ask(commandFor(`npx snowmelt ${what} {source} {where} --reason "test"`, place));
    expect(stderr).toBe('');
  };
  const active = await meta();
  await byTool('pause');
  const paused = await meta();
  expect(paused).not.toEqual(active);
  await byTool('resume');
  expect(await meta()).toEqual(active);
  await byHand('pause');
  expect(await meta()).toEqual(paused);
  await byHand('resume');
  expect(await meta()).toEqual(active);
  // Of a source that there is not nothing is made.
  await expect(updateByHand(table, commandFor(BY_HAND.pause, { ...place, source: 'nobody' }))).rejects.toThrow();
});
