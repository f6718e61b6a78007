/**
 * Every request that the functions send, on all four wires: Kafka, DynamoDB, EventBridge with Secrets Manager, Snowflake.
 * Hooks see each before the service does and its reply before the caller does, know its type and the process that sent it,
 * and may lose, delay or refuse either. What onlookers ask goes around it.
 */
import type { Stack } from '../../local/demo/stack.ts';
import { workerOf, type Worker } from '../../local/demo/kills.ts';
import { processOf } from '../../local/aws/lambda/peer.ts';
import type { AwsCall, Verdict as AwsVerdict } from '../../local/aws/interceptors.ts';
import type { Verdict as KafkaVerdict } from '../../local/kafka/proxy.ts';
import type { ProxiedRequest as SnowflakeRequest } from '../../local/snowflake/proxy.ts';

export type WireRequest = {
  wire: 'kafka' | 'aws' | 'snowflake';
  /** `kafka EndTxn`, `dynamodb commit`, `snowflake scan` ... */
  type: string;
  /** Of the sender's end of the connection. */
  port: number;
  /** The partition that the request is about, where it names one. */
  worker: Worker | null;
  /** Counts connections to Kafka; 0 elsewhere. */
  connection: number;
};

/**
 * `close` cuts the connection, `hang` leaves it open without an answer, `error` is the service's refusal: a code of Kafka's,
 * or one that AWS's SDK repeats.
 */
export type Act = 'pass' | 'close' | 'hang' | { delayMs: number } | { until: Promise<unknown> } | { error: number };
export type Point = 'request' | 'reply';
/** `code`: of Kafka's reply, 0 for none; null elsewhere and before there is one. */
export type WireHook = (request: WireRequest, point: Point, code: number | null) => Act | Promise<Act>;

/** For `error` on AWS's wire. */
export const THROTTLED = 1;
export const FAILED = 2;

/** Puts the hook on all wires; answers a function that takes it off. */
export function watchWire(stack: Stack, hook: WireHook): () => void {
  const removers = [
    stack.kafkaProxy!.onRequest(async (request) => kafkaVerdict(await hook(kafkaRequest(request), 'request', null))),
    stack.kafkaProxy!.onReply(async (request, code) => kafkaVerdict(await hook(kafkaRequest(request), 'reply', code))),
    stack.aws.intercept((call) => {
      const request = awsRequest(call);
      return {
        before: async () => awsVerdict(await hook(request, 'request', null)),
        after: async () => awsVerdict(await hook(request, 'reply', null)),
      };
    }),
    stack.snowflakeProxy!.add({
      before: async (request) => goesOn(await hook(snowflakeRequest(request), 'request', null)),
      after: async (request) => goesOn(await hook(snowflakeRequest(request), 'reply', null)),
    }),
  ];
  return () => {
    for (const remove of removers) remove();
  };
}

/** The function's process that sent a request; null when it is gone. */
export function senderOf(stack: Stack, { port }: Pick<WireRequest, 'port'>): number | null {
  return processOf(
    port,
    stack.aws.children().map(({ pid }) => pid),
  );
}

type KafkaSeen = { api: string; port: number; connection: number; transactionalId?: string };

function kafkaRequest({ api, port, connection, transactionalId }: KafkaSeen): WireRequest {
  return { wire: 'kafka', type: `kafka ${api}`, port, connection, worker: workerOf(transactionalId) };
}

function awsRequest(call: AwsCall): WireRequest {
  const source = /^source#(.+)$/.exec(call.pk ?? '')?.[1];
  const partition = /^partition#(\d+)$/.exec(call.sk ?? '')?.[1];
  const worker = source === undefined || partition === undefined ? null : { source, partition: Number(partition) };
  return { wire: 'aws', type: awsType(call), port: call.port, connection: 0, worker };
}

const META = [
  'scan',
  'sightings',
  'finishedThrough',
  'consuming',
  'copies',
  'clusterId',
  'lastError',
  'requestId',
  'paused',
  'caughtUpAt',
  'truncatedAt',
  'told',
];

function awsType({ service, operation, sk, input }: AwsCall): string {
  if (service !== 'dynamodb') return `${service} ${operation}`;
  if (operation === 'Query') {
    const values = input['ExpressionAttributeValues'] as Record<string, { S?: string }> | undefined;
    return `dynamodb Query ${(values?.[':from']?.S ?? '?').split('#')[0]}`;
  }
  const item = (sk ?? '?').split('#')[0]!;
  if (operation !== 'UpdateItem') return `dynamodb ${operation} ${item}`;
  const assigned = String(input['UpdateExpression']);
  const sets = (name: string): boolean => assigned.includes(`#${name}`);
  if (item === 'meta') {
    return `dynamodb meta ${META.find(sets) ?? '?'}`;
  }
  if (item !== 'partition') return `dynamodb UpdateItem ${item}`;
  const what = sets('epoch')
    ? 'acquire'
    : sets('lastSuccessAt')
      ? 'commit'
      : sets('lastError')
        ? 'release'
        : sets('marked')
          ? 'reconcile'
          : sets('leaseUntil')
            ? 'renew'
            : '?';
  return `dynamodb ${what}`;
}

function snowflakeRequest(request: SnowflakeRequest): WireRequest {
  const { endpoint, sql = '', port } = request;
  const type = endpoint === 'query' ? statementType(sql) : endpoint;
  return { wire: 'snowflake', type: `snowflake ${type}`, port, connection: 0, worker: null };
}

function statementType(sql: string): string {
  if (/SYSTEM\$(LAST_CHANGE_COMMIT_TIME|STREAM_HAS_DATA)/.test(sql)) return 'gate';
  if (sql.startsWith('ALTER SESSION')) return 'pin';
  if (sql.startsWith('SHOW')) return 'show';
  if (sql.startsWith('DESCRIBE')) return 'describe';
  if (sql.includes('RESULT_SCAN')) return 'ranges';
  // Of streams: the stream, its ledger, its stages.
  if (sql.startsWith('EXECUTE IMMEDIATE')) return 'consume';
  if (sql.startsWith('CREATE STREAM')) return 'create stream';
  if (/^CREATE TABLE IF NOT EXISTS .*SNOWMELT_LEDGER_/.test(sql)) return 'create ledger';
  if (/^CREATE TRANSIENT TABLE \S+ \(/.test(sql)) return 'create stage';
  // Of a large table's snapshot.
  if (/^CREATE TRANSIENT TABLE .* AS\n/.test(sql)) return 'create copy';
  if (/^SELECT .*SNOWMELT_LEDGER_/.test(sql)) return 'ledger';
  if (/^DROP (STREAM|TABLE) /.test(sql)) return 'drop';
  return /^(SELECT|WITH)/.test(sql) ? 'scan' : 'query?';
}

function kafkaVerdict(act: Act): KafkaVerdict {
  return act === 'hang' ? 'drop' : act;
}

async function awsVerdict(act: Act): Promise<AwsVerdict> {
  if (act === 'pass') return 'pass';
  if (act === 'close') return 'drop';
  if (typeof act === 'object' && 'error' in act) return act.error === THROTTLED ? 'throttle' : 'fail';
  return (await goesOn(act)) ? 'pass' : 'drop';
}

async function goesOn(act: Act): Promise<boolean> {
  if (act === 'pass') return true;
  if (act === 'close') return false;
  if (act === 'hang') return new Promise(() => undefined);
  if ('delayMs' in act) await new Promise((resolve) => setTimeout(resolve, act.delayMs));
  else if ('until' in act) await act.until.catch(() => undefined);
  else return false;
  return true;
}
