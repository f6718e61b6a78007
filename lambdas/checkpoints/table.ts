/**
 * The only place that talks to DynamoDB. Every read is consistent; every write touches one item under a condition.
 * Timeouts are short and retries few: a worker that cannot reach its checkpoints must not go on, and its lease ends soon.
 *
 * No feature that DynamoDB, DynamoDB Local and dynalite do not share: no transactions, no item returned with a failed
 * condition.
 */
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { SnowmeltError } from '../errors.ts';

export type Item = Record<string, AttributeValue>;
export type Key = { pk: string; sk: string };

/** An expression; `#name` stands for the attribute `name`, so reserved words need no care. `values` holds what it uses. */
export type Expression = { text: string; values: Item };

export type QueryOptions = { from: string; to: string; reverse?: boolean; limit?: number; attributes?: string[] };

export type Address = { name: string; endpoint: string | null; region: string | null };

const CONNECT_MS = 1_000;
const REQUEST_MS = 2_000;
const ATTEMPTS = 4;
/** DynamoDB's limit for one item is 400 KB, names included; what is kept back covers its own overhead. */
const MAX_ITEM_BYTES = 399 * 1024;

export class Table {
  readonly #client: DynamoDBClient;
  readonly #name: string;

  constructor(address: Address) {
    this.#name = address.name;
    this.#client = clientFor(address);
  }

  /** null when there is no such item. */
  async get(key: Key): Promise<Item | null> {
    const command = new GetItemCommand({ TableName: this.#name, Key: keyItem(key), ConsistentRead: true });
    const { Item } = await this.#ask(`GetItem ${key.sk}`, this.#client.send(command));
    return Item ?? null;
  }

  /** Items with `from <= sk <= to`, page by page; `limit` bounds their number. */
  async query(pk: string, options: QueryOptions): Promise<Item[]> {
    const { attributes, limit = Infinity } = options;
    const items: Item[] = [];
    let start: Item | undefined;
    do {
      const command = new QueryCommand({
        TableName: this.#name,
        ConsistentRead: true,
        ScanIndexForward: options.reverse !== true,
        KeyConditionExpression: '#pk = :pk AND #sk BETWEEN :from AND :to',
        ExpressionAttributeNames: names('#pk #sk', ...(attributes ?? []).map((name) => `#${name}`)),
        ExpressionAttributeValues: { ':pk': { S: pk }, ':from': { S: options.from }, ':to': { S: options.to } },
        ...(attributes && { ProjectionExpression: attributes.map((name) => `#${name}`).join(', ') }),
        ...(limit < Infinity && { Limit: limit - items.length }),
        ...(start && { ExclusiveStartKey: start }),
      });
      const page = await this.#ask(`Query ${pk}`, this.#client.send(command));
      items.push(...(page.Items ?? []));
      start = page.LastEvaluatedKey;
    } while (start !== undefined && items.length < limit);
    return items;
  }

  /** Puts an item that does not exist yet. False: one stands there. @throws STATE_TOO_LARGE */
  async putNew(key: Key, attributes: Item): Promise<boolean> {
    checkSize(key, attributes);
    const command = new PutItemCommand({
      TableName: this.#name,
      Item: { ...keyItem(key), ...attributes },
      ConditionExpression: 'attribute_not_exists(#pk)',
      ExpressionAttributeNames: names('#pk'),
    });
    return (await this.#conditional(`PutItem ${key.sk}`, this.#client.send(command))) !== null;
  }

  /** Answers the whole item as it is after the update; null: the condition does not hold. @throws STATE_TOO_LARGE */
  async update(key: Key, update: Expression, condition: Expression): Promise<Item | null> {
    const values = { ...update.values, ...condition.values };
    checkSize(key, values);
    const command = new UpdateItemCommand({
      TableName: this.#name,
      Key: keyItem(key),
      UpdateExpression: update.text,
      ConditionExpression: condition.text,
      ExpressionAttributeNames: names(update.text, condition.text),
      ExpressionAttributeValues: values,
      ReturnValues: 'ALL_NEW',
    });
    const reply = await this.#conditional(`UpdateItem ${key.sk}`, this.#client.send(command));
    return reply === null ? null : (reply.Attributes ?? {});
  }

  async delete(key: Key): Promise<void> {
    const command = new DeleteItemCommand({ TableName: this.#name, Key: keyItem(key) });
    await this.#ask(`DeleteItem ${key.sk}`, this.#client.send(command));
  }

  /** null for a condition that failed. */
  async #conditional<T>(what: string, sent: Promise<T>): Promise<T | null> {
    const guarded = sent.catch((error: unknown) => {
      if (error instanceof ConditionalCheckFailedException) return null;
      throw error;
    });
    return this.#ask(what, guarded);
  }

  /** A request that DynamoDB calls invalid is a defect of ours and stays as it is; all else is DynamoDB not answering. */
  async #ask<T>(what: string, sent: Promise<T>): Promise<T> {
    try {
      return await sent;
    } catch (error) {
      if (!(error instanceof Error) || error.name === 'ValidationException') throw error;
      const message = `${what} on table ${this.#name}: ${error.name}: ${error.message}`;
      throw new SnowmeltError('STORE_UNREACHABLE', message, { cause: error });
    }
  }
}

const clients = new Map<string, DynamoDBClient>();

/** One client per address for the life of the process: a warm function keeps its connections. */
function clientFor({ endpoint, region }: Address): DynamoDBClient {
  const address = JSON.stringify([endpoint, region]);
  const known = clients.get(address);
  if (known !== undefined) return known;
  const client = new DynamoDBClient({
    ...(endpoint === null ? {} : { endpoint }),
    ...(region === null ? {} : { region }),
    maxAttempts: ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      // Without it a late reply is only warned about, and one lost reply would hold the whole invocation.
      throwOnRequestTimeout: true,
    },
  });
  clients.set(address, client);
  return client;
}

function keyItem(key: Key): Item {
  return { pk: { S: key.pk }, sk: { S: key.sk } };
}

function names(...texts: string[]): Record<string, string> {
  const found = texts.join(' ').matchAll(/#(\w+)/g);
  return Object.fromEntries([...found].map(([placeholder, name]) => [placeholder, name!]));
}

/** DynamoDB counts names and values in UTF-8; all that can grow here are strings. */
function checkSize(key: Key, attributes: Item): void {
  let bytes = key.pk.length + key.sk.length;
  for (const [name, value] of Object.entries(attributes)) {
    bytes += name.length + ('S' in value ? Buffer.byteLength(value.S!) : 21);
  }
  if (bytes <= MAX_ITEM_BYTES) return;
  const size = `${Math.ceil(bytes / 1024)} KB`;
  throw new SnowmeltError('STATE_TOO_LARGE', `${key.pk} ${key.sk} has ${size}; DynamoDB takes 400 KB.`);
}
