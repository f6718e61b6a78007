/**
 * Faults and observation for calls to AWS, placed exactly: before a call reaches the service, or after the service has
 * applied it and before the caller hears of it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendError } from './http.ts';

export type AwsCall = {
  /** `dynamodb`, `events` or `secretsmanager`. */
  service: string;
  operation: string;
  /** Keys of the item, for calls that name one. */
  pk: string | null;
  sk: string | null;
  /** The request as it was sent. */
  input: Record<string, unknown>;
  /** The caller's end of the connection. */
  port: number;
};

/** `drop` cuts the connection without a reply; `fail` answers 500 and `throttle` a refusal for load, which the SDK repeats. */
export type Verdict = 'pass' | 'drop' | 'fail' | 'throttle';
export type Intervention = {
  before?: () => Verdict | Promise<Verdict>;
  after?: () => Verdict | Promise<Verdict>;
};
/** Answers undefined for calls it has nothing to do with. A promise that does not settle holds the call. */
export type Interceptor = (call: AwsCall) => Intervention | undefined;

export class Interceptors {
  readonly #all = new Set<Interceptor>();

  /** Answers a function that takes it out again. */
  add(interceptor: Interceptor): () => void {
    this.#all.add(interceptor);
    return () => this.#all.delete(interceptor);
  }

  /** `apply` runs the call and answers how to reply to it. */
  async run(call: AwsCall, response: ServerResponse, apply: () => Promise<() => void>): Promise<void> {
    const interventions = [...this.#all].flatMap((interceptor) => interceptor(call) ?? []);
    for (const { before } of interventions) if (!(await allows(before, response))) return;
    const reply = await apply();
    for (const { after } of interventions) if (!(await allows(after, response))) return;
    reply();
  }
}

async function allows(step: Intervention['before'], response: ServerResponse): Promise<boolean> {
  const verdict = (await step?.()) ?? 'pass';
  if (verdict === 'drop') response.destroy();
  if (verdict === 'throttle') sendError(response, 400, 'ThrottlingException', 'injected');
  if (verdict === 'fail') sendError(response, 500, 'InternalServerError', 'injected');
  return verdict === 'pass';
}

/** Reads `X-Amz-Target` (`DynamoDB_20120810.UpdateItem`) and the body; null when it is no call of AWS's JSON protocols. */
export function parseCall({ headers, socket }: IncomingMessage, body: Buffer): AwsCall | null {
  const target = headers['x-amz-target'];
  if (typeof target !== 'string') return null;
  const [prefix = '', operation = ''] = target.split('.');
  const service = { DynamoDB_20120810: 'dynamodb', AWSEvents: 'events', secretsmanager: 'secretsmanager' }[prefix];
  if (service === undefined) return null;
  const input = JSON.parse(body.toString()) as Record<string, unknown>;
  const key = (input['Key'] ?? input['Item'] ?? {}) as Record<string, { S?: string }>;
  return {
    service,
    operation,
    pk: key['pk']?.S ?? null,
    sk: key['sk']?.S ?? null,
    input,
    port: socket.remotePort ?? 0,
  };
}
