/** The windows' bounds as the checkpoint table has them: the one thing that the oracle takes from Snowmelt. */
import { DynamoDBClient, QueryCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Bounds } from './windows.ts';

export type CheckpointTable = { name: string; endpoint: string | null; region: string | null };

/** All windows of a source, in the order of their numbers. */
export async function readWindows(table: CheckpointTable, source: string): Promise<Bounds[]> {
  const client = new DynamoDBClient({
    ...(table.endpoint !== null && {
      endpoint: table.endpoint,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    }),
    region: table.region ?? 'local',
  });
  const windows: Bounds[] = [];
  let from: Record<string, AttributeValue> | undefined;
  try {
    do {
      const page = await client.send(
        new QueryCommand({
          TableName: table.name,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
          ExpressionAttributeValues: { ':pk': { S: `source#${source}` }, ':sk': { S: 'window#' } },
          ...(from !== undefined && { ExclusiveStartKey: from }),
        }),
      );
      windows.push(...(page.Items ?? []).map(readBounds));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
  } finally {
    client.destroy();
  }
  return windows;
}

/** Where attribute names are Snowmelt's layout of the table (docs/design.md, State). */
function readBounds(item: Record<string, AttributeValue>): Bounds {
  type Body = {
    kind: string;
    from: string | null;
    since?: string;
    ranges: { partition: number; rows: number }[];
  };
  const body = JSON.parse(item['body']!.S!) as Body;
  return {
    number: Number(item['sk']!.S!.slice('window#'.length)),
    kind: body.kind,
    from: body.from,
    to: item['to']!.S!,
    since: body.since ?? null,
    void: item['void']?.BOOL === true,
    rows: new Map(body.ranges.map(({ partition, rows }) => [partition, rows])),
  };
}
