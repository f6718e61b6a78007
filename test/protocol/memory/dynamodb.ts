/**
 * Takes the place of `@aws-sdk/client-dynamodb`, so that lambdas/checkpoints runs on a table in memory: its conditions are
 * evaluated as DynamoDB does, when the request arrives. Reads that do not ask for consistency may be of an earlier time.
 */
import { evaluate, type Item, type Names, update, valueOf } from './expressions.ts';
import type { Wire } from './wire.ts';

export class ConditionalCheckFailedException extends Error {
  override readonly name = 'ConditionalCheckFailedException';
}

type Input = {
  Key?: Item;
  Item?: Item;
  ConsistentRead?: boolean;
  ScanIndexForward?: boolean;
  Limit?: number;
  KeyConditionExpression?: string;
  ConditionExpression?: string;
  UpdateExpression?: string;
  ProjectionExpression?: string;
  ExclusiveStartKey?: Item;
  ExpressionAttributeNames?: Names;
  ExpressionAttributeValues?: Item;
};

class Command {
  readonly input: Input;
  constructor(input: Input) {
    this.input = input;
  }
}
export class GetItemCommand extends Command {}
export class PutItemCommand extends Command {}
export class QueryCommand extends Command {}
export class UpdateItemCommand extends Command {}
export class DeleteItemCommand extends Command {}

const PAGE = 40;

export class MemoryTable {
  readonly wire: Wire;
  readonly #items = new Map<string, Item>();
  /** What each key held before its last write, and when that was. */
  readonly #before = new Map<string, { item: Item | undefined; write: number }>();
  #writes = 0;
  /** Every window ever put, for the oracle: pruning hides none from it. */
  readonly windows = new Map<string, Item>();
  /** Whether an inconsistent read is of an earlier time. */
  stale: () => boolean = () => true;

  constructor(wire: Wire) {
    this.wire = wire;
  }

  get(pk: string, sk: string): Item | undefined {
    return this.#items.get(`${pk}/${sk}`);
  }

  all(): Item[] {
    return [...this.#items.values()];
  }

  perform(command: Command): { Item?: Item; Items?: Item[]; LastEvaluatedKey?: Item; Attributes?: Item } {
    const { input } = command;
    if (command instanceof GetItemCommand) {
      const item = this.#read(keyOf(input.Key!), input);
      return item === undefined ? {} : { Item: item };
    }
    if (command instanceof QueryCommand) return this.#query(input);
    const key = keyOf(input.Key ?? input.Item!);
    const standing = this.#items.get(key);
    if (input.ConditionExpression !== undefined && !evaluate(input.ConditionExpression, standing ?? {}, input)) {
      throw new ConditionalCheckFailedException('The conditional request failed');
    }
    if (command instanceof PutItemCommand) return (this.#write(key, input.Item), {});
    if (command instanceof DeleteItemCommand) return (this.#write(key, undefined), {});
    if (command instanceof UpdateItemCommand) {
      const next = update(input.UpdateExpression!, standing ?? { ...input.Key }, input);
      this.#write(key, next);
      return { Attributes: next };
    }
    throw new Error(`the table in memory does not know ${command.constructor.name}`);
  }

  #write(key: string, item: Item | undefined): void {
    const standing = this.#items.get(key);
    this.#before.set(key, { item: standing, write: ++this.#writes });
    if (item === undefined) this.#items.delete(key);
    else this.#items.set(key, item);
    if (item === undefined || !key.includes('/window#')) return;
    // One that a planner frozen for long puts in the place of a pruned one is below what is finished: nobody reads it.
    if (standing !== undefined || !this.windows.has(key)) this.windows.set(key, item);
  }

  #read(key: string, { ConsistentRead }: Input): Item | undefined {
    const before = this.#before.get(key);
    const recent = before !== undefined && this.#writes - before.write < 10;
    if (ConsistentRead !== true && recent && this.stale()) return before.item;
    return this.#items.get(key);
  }

  /** `#pk = :pk AND #sk BETWEEN :from AND :to` is the one key condition there is. */
  #query(input: Input) {
    const values = input.ExpressionAttributeValues!;
    const [pk, from, to] = [':pk', ':from', ':to'].map((name) => values[name]!.S!) as [string, string, string];
    const start = input.ExclusiveStartKey?.['sk']?.S;
    const forward = input.ScanIndexForward !== false;
    const keys = [...new Set([...this.#items.keys(), ...this.#before.keys()])]
      .filter((key) => key >= `${pk}/${from}` && key <= `${pk}/${to}`)
      .sort();
    if (!forward) keys.reverse();
    const after = start === undefined ? -1 : keys.indexOf(`${pk}/${start}`);
    const limit = Math.min(PAGE, input.Limit ?? Infinity);
    const items = keys
      .slice(after + 1)
      .map((key) => this.#read(key, input))
      .filter((item) => item !== undefined);
    const page = items.slice(0, limit);
    const last = page.at(-1);
    return {
      Items: page.map((item) => project(item, input)),
      ...(items.length > limit && last !== undefined ? { LastEvaluatedKey: { pk: last['pk']!, sk: last['sk']! } } : {}),
    };
  }
}

function project(item: Item, { ProjectionExpression, ExpressionAttributeNames }: Input): Item {
  if (ProjectionExpression === undefined) return item;
  const wanted = ProjectionExpression.split(',').map((name) => ExpressionAttributeNames![name.trim()]!);
  return Object.fromEntries(wanted.flatMap((name) => (item[name] === undefined ? [] : [[name, item[name]]])));
}

function keyOf(item: Item): string {
  return `${String(valueOf(item['pk']))}/${String(valueOf(item['sk']))}`;
}

let current: MemoryTable | null = null;

/** The table that all clients talk to from now on: lambdas/checkpoints keeps its client for the life of the process. */
export function useTable(table: MemoryTable): void {
  current = table;
}

export class DynamoDBClient {
  async send(command: Command) {
    const table = current!;
    const { input } = command;
    const sk = input.Key?.['sk']?.S ?? input.Item?.['sk']?.S ?? input.ExpressionAttributeValues?.[':from']?.S ?? '';
    const name = `${command.constructor.name.replace('Command', '')} ${sk.replace(/[#~].*/, '')}`;
    const lost = (what: string) => new Error(`TimeoutError: ${what}`);
    return table.wire.request(name, { repeatable: true, effect: () => table.perform(command), lost });
  }
}
