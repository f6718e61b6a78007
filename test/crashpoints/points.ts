/** Every type of request that the functions send. One that is missing here fails the enumeration. */
import { Random } from '../../local/demo/random.ts';

/** What an ordinary life of a source sends: each meets every mode. */
export const POINTS = [
  'kafka ApiVersions',
  'kafka Metadata',
  'kafka DescribeConfigs',
  'kafka FindCoordinator',
  'kafka InitProducerId',
  'kafka OffsetFetch',
  'kafka ListOffsets',
  'kafka AddPartitionsToTxn',
  'kafka Produce',
  'kafka AddOffsetsToTxn',
  'kafka TxnOffsetCommit',
  'kafka EndTxn',
  'dynamodb GetItem meta',
  'dynamodb Query window',
  'dynamodb Query layout',
  'dynamodb Query partition',
  'dynamodb PutItem meta',
  'dynamodb PutItem partition',
  'dynamodb PutItem layout',
  'dynamodb PutItem window',
  'dynamodb meta scan',
  'dynamodb meta sightings',
  'dynamodb meta finishedThrough',
  'dynamodb meta clusterId',
  'dynamodb acquire',
  'dynamodb reconcile',
  'dynamodb commit',
  'dynamodb release',
  'events PutEvents',
  'secretsmanager GetSecretValue',
  'snowflake login',
  'snowflake pin',
  'snowflake gate',
  'snowflake show',
  'snowflake describe',
  'snowflake scan',
  'snowflake monitoring',
  'snowflake ranges',
  'snowflake result',
  'snowflake chunk',
  'snowflake close',
] as const;

/** What only trouble or time brings about: known, and met where chaos brings it about, but not in wait for here. */
export const RARE = new Set([
  'dynamodb GetItem layout',
  'dynamodb GetItem partition',
  'dynamodb GetItem window',
  'dynamodb meta lastError',
  'dynamodb meta requestId',
  'dynamodb meta paused',
  'dynamodb meta caughtUpAt',
  'dynamodb meta truncatedAt',
  'dynamodb renew',
  'dynamodb UpdateItem window',
  'dynamodb DeleteItem window',
  // Of what people are told: test/protocol/crash-points.ts.
  'dynamodb Query audit',
  'dynamodb meta told',
  'snowflake abort',
  'snowflake heartbeat',
  'snowflake renew',
  'snowflake telemetry',
  // Of streams: planners die at each of these in test/faults/stream.local.test.ts and test/protocol/crash-points.ts.
  'dynamodb meta consuming',
  'snowflake create stream',
  'snowflake create ledger',
  'snowflake create stage',
  'snowflake consume',
  'snowflake ledger',
  'snowflake drop',
  // Of copies: test/faults/copy.long.test.ts and test/protocol/crash-points.ts.
  'dynamodb meta copies',
  'snowflake create copy',
]);

export type PointType = (typeof POINTS)[number];
export const MODES = ['not sent', 'reply lost', 'crash after the reply', 'frozen and thawed'] as const;
export type Mode = (typeof MODES)[number];

export type CrashPoint = { type: PointType; mode: Mode };

export const ALL: readonly CrashPoint[] = POINTS.flatMap((type) => MODES.map((mode) => ({ type, mode })));

/** So many of them, by the seed. */
export function sample(points: readonly CrashPoint[], count: number, seed: number): CrashPoint[] {
  const random = new Random(seed);
  const left = [...points];
  const chosen: CrashPoint[] = [];
  while (chosen.length < count && left.length > 0) {
    chosen.push(...left.splice(random.whole(0, left.length - 1), 1));
  }
  return chosen;
}
