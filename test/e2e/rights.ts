/** What the roles of the functions allow, held against what the functions were seen to need. */
import { DynamoDBClient, UpdateItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Verified } from '../../lambdas/operate/verify.ts';
import type { Stack } from '../../local/demo/stack.ts';
import { StateReader } from '../../local/demo/state.ts';

/** What is allowed and never called by a function itself, and who needs it. */
export const NOT_CALLED: Record<string, string> = {
  'logs:CreateLogStream': 'Lambda writes what a function prints with the role of the function.',
  'logs:PutLogEvents': 'Lambda writes what a function prints with the role of the function.',
  'sqs:SendMessage': 'Lambda sends what failed with the role of the function.',
};

const PARTITION = 0;
const MOST_TICKS = 300;

/** `<function> <action>`: allowed, neither seen nor on the list. Stale entries of the list are told, too. */
export function unneeded({ allowed, seen }: Stack['aws']['rights']): string[] {
  const granted = [...allowed].flatMap(([name, actions]) => [...actions].map((action) => ({ name, action })));
  const idle = granted.filter(({ name, action }) => !(action in NOT_CALLED) && seen.get(name)?.has(action) !== true);
  const stale = Object.keys(NOT_CALLED).filter((action) => !granted.some((each) => each.action === action));
  return [...idle.map(({ name, action }) => `${name} ${action}`), ...stale];
}

/**
 * After a run that went well: late commits are looked for, an operator has the topic verified and asks for a snapshot, publish ends with rows left, and
 * an old window is deleted.
 */
export async function doTheRest(stack: Stack): Promise<void> {
  const { aws, config } = stack;
  const source = config.sources[0]!.name;
  const onlooker = new DynamoDBClient({
    endpoint: aws.dynamodbUrl,
    region: 'local',
    credentials: { accessKeyId: 'onlooker', secretAccessKey: 'onlooker' },
  });
  const reader = new StateReader(config.table, source);
  const set = (sk: string, name: string, value: AttributeValue) =>
    onlooker.send(
      new UpdateItemCommand({
        TableName: config.table.name,
        Key: { pk: { S: `source#${source}` }, sk: { S: sk } },
        UpdateExpression: 'SET #name = :value',
        ExpressionAttributeNames: { '#name': name },
        ExpressionAttributeValues: { ':value': value },
      }),
    );
  const invoke = async (name: string, event: object) => {
    const outcome = await aws.invoke(`snowmelt-${config.app}-${name}`, event);
    if ('failure' in outcome) throw new Error(`${name} ${JSON.stringify(event)}: ${outcome.failure.message}`);
    return outcome.payload;
  };
  const tickUntil = async (what: string, event: object, done: () => boolean | Promise<boolean>) => {
    for (let ticks = 0; !(await done()); ticks++) {
      if (ticks === MOST_TICKS) throw new Error(`after ${ticks} ticks still not: ${what}`);
      await invoke('plan', event);
    }
  };
  const operate = (command: string, options = {}) =>
    invoke('operate', { command, source, who: 'test', reason: 'rights', ...options });

  try {
    const [oldest] = (await reader.read()).windows;
    const sk = `window#${String(oldest!.number).padStart(12, '0')}`;
    await set(sk, 'to', { S: '2020-01-01T00:00:00.000Z' });
    await invoke('recount', {});
    const { missing, extra, altered } = (await operate('verify', { window: null, showKeys: false })) as Verified;
    const wrong = missing.count + extra.count + altered.count;
    if (wrong > 0) throw new Error(`${wrong} keys of the topic are not as in the table`);
    for (const command of ['resnapshot', 'check']) await operate(command);

    // A window that nobody was called for.
    const head = (await reader.read()).windows.length;
    const deaf = aws.intercept(({ operation }) =>
      operation === 'PutEvents' ? { before: () => 'drop' as const } : undefined,
    );
    const { every } = config.sources[0]!;
    await tickUntil('a window', { every }, async () => (await reader.read()).windows.length > head);
    deaf();
    // Publish finds its source paused and ends; by then it is not any more, and rows are left.
    await set('meta', 'paused', { BOOL: true });
    const resumed = aws.intercept(({ operation, sk: item, input }) => {
      const releases = /REMOVE.*#owner/.test(String(input['UpdateExpression']));
      if (operation !== 'UpdateItem' || item !== `partition#${String(PARTITION).padStart(4, '0')}` || !releases)
        return undefined;
      return { before: () => set('meta', 'paused', { BOOL: false }).then(() => 'pass' as const) };
    });
    await invoke('publish', { detail: { source, partition: PARTITION } });
    resumed();
    const plan = `snowmelt-${config.app}-plan`;
    await tickUntil('the old window is gone', { tick: 'unfinished' }, () =>
      aws.rights.seen.get(plan)!.has('dynamodb:DeleteItem'),
    );
  } finally {
    reader.close();
    onlooker.destroy();
  }
}
