/** What the checkpoint table says of a source, read as an onlooker would: for the view, and to know when all is published. */
import { DynamoDBClient, QueryCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { quotedTable } from './config.ts';

type Item = Record<string, AttributeValue>;

export type WindowView = {
  number: number;
  kind: string;
  to: string;
  covered: string | null;
  totalRows: number;
  /** Rows by partition. */
  rows: Map<number, number>;
  /** What was consumed for it, fully qualified and quoted; null: no stream. */
  stream: string | null;
};

export type PartitionView = {
  partition: number;
  state: string;
  /** (0, 0) is none. */
  window: number;
  row: number;
  lastError: string | null;
};

export type SourceView = {
  windows: readonly WindowView[];
  partitions: PartitionView[];
  /** The newest token sighted, and when by Snowflake's clock (ms). */
  sighting: { token: string | null; at: number } | null;
  scanning: boolean;
  paused: boolean;
  lastError: string | null;
};

export class StateReader {
  readonly #client: DynamoDBClient;
  readonly #table: string;
  readonly #source: string;
  readonly #windows: WindowView[] = [];

  constructor(table: { name: string; endpoint: string | null; region: string | null }, source: string) {
    const local = { endpoint: table.endpoint!, credentials: { accessKeyId: 'local', secretAccessKey: 'local' } };
    this.#client = new DynamoDBClient({ ...(table.endpoint !== null && local), region: table.region ?? 'local' });
    this.#table = table.name;
    this.#source = source;
  }

  /** Partitions are read before windows: a position is never ahead of the windows that are shown. */
  async read(): Promise<SourceView> {
    const items = await this.#query('meta', 'partition#~');
    const last = this.#windows.at(-1)?.number ?? 0;
    const windows = await this.#query(`window#${String(last + 1).padStart(12, '0')}`, 'window#~');
    this.#windows.push(...windows.map(readWindow));
    const meta = items.find((item) => item['sk']?.S === 'meta');
    const sightings = parse<{ token: string | null; at: number }[]>(meta?.['sightings']) ?? [];
    return {
      windows: this.#windows,
      partitions: items.filter((item) => item['sk']?.S?.startsWith('partition#')).map(readPartition),
      sighting: sightings.at(-1) ?? null,
      scanning: meta?.['scan'] !== undefined,
      paused: meta?.['paused']?.BOOL === true,
      lastError: errorText(meta?.['lastError']),
    };
  }

  close(): void {
    this.#client.destroy();
  }

  async #query(from: string, to: string): Promise<Item[]> {
    const items: Item[] = [];
    let start: Item | undefined;
    do {
      const page = await this.#client.send(
        new QueryCommand({
          TableName: this.#table,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
          ExpressionAttributeValues: { ':pk': { S: `source#${this.#source}` }, ':from': { S: from }, ':to': { S: to } },
          ...(start !== undefined && { ExclusiveStartKey: start }),
        }),
      );
      items.push(...(page.Items ?? []));
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
    return items;
  }
}

function readWindow(item: Item): WindowView {
  type Body = {
    kind: string;
    covered: string | null;
    totalRows: number;
    ranges: { partition: number; rows: number }[];
    staged?: { stream?: { stream: { database: string; schema: string; name: string } } };
  };
  const { kind, covered, totalRows, ranges, staged } = parse<Body>(item['body'])!;
  const stream = staged?.stream?.stream;
  return {
    number: Number(item['sk']!.S!.slice('window#'.length)),
    kind,
    to: item['to']!.S!,
    covered,
    totalRows,
    rows: new Map(ranges.map(({ partition, rows }) => [partition, rows])),
    stream: stream === undefined ? null : quotedTable({ object: stream }),
  };
}

function readPartition(item: Item): PartitionView {
  const position = BigInt(item['position']?.N ?? 0);
  return {
    partition: Number(item['sk']!.S!.slice('partition#'.length)),
    state: item['state']?.S ?? '?',
    window: Number(position >> 32n),
    row: Number(position & 0xffffffffn),
    lastError: errorText(item['lastError']),
  };
}

function parse<T>(value: AttributeValue | undefined): T | null {
  return value?.S === undefined ? null : (JSON.parse(value.S) as T);
}

function errorText(value: AttributeValue | undefined): string | null {
  const error = parse<{ code: string; message: string } | null>(value);
  return error === null ? null : `${error.code}: ${error.message}`;
}

function isPast(of: PartitionView, window: WindowView): boolean {
  const rows = window.rows.get(of.partition) ?? 0;
  return rows === 0 || of.window > window.number || (of.window === window.number && of.row >= rows);
}

/** Whether everything up to the commit time (ns) is in windows, and every partition is past all windows. */
export function isPublished(view: SourceView, lastCommit: bigint): boolean {
  const head = view.windows.at(-1);
  if (head === undefined || view.partitions.length === 0 || view.scanning) return false;
  if (BigInt(Date.parse(head.to)) * 1_000_000n < lastCommit) return false;
  return view.partitions.every((partition) => view.windows.every((window) => isPast(partition, window)));
}

/** Whether nothing that was sighted can make another window: the source is idle until its next commit. */
export function isIdle(view: SourceView, lastCommit: bigint): boolean {
  return isPublished(view, lastCommit) && view.sighting?.token === view.windows.at(-1)?.covered;
}
