/** One JSON request to a registry: bounded in time, tried again where that may help. */
import { request as http } from 'node:http';
import { request as https } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import { SnowmeltError } from '../../errors.ts';

export type Request = {
  method: 'GET' | 'POST';
  url: string;
  headers: Record<string, string>;
  body: string | null;
};
export type Reply = { status: number; body: unknown };

/** All attempts together stay well within a lease. */
export type Pace = { timeoutMs: number; pauseMs: number };
export const usualPace: Pace = { timeoutMs: 5_000, pauseMs: 200 };
const ATTEMPTS = 3;
/** Schemas are small; what is larger is no answer to us. */
const MAX_BYTES = 4 * 1024 * 1024;
/** Characters of a message: the first reason of an incompatibility fits. */
const MAX_SAID = 500;

/**
 * `passing`: whether a reply is one that may be another the next time.
 * @throws REGISTRY_UNREACHABLE when none of some attempts got a lasting answer
 */
export async function ask(pace: Pace, make: () => Request, passing: (reply: Reply) => boolean): Promise<Reply> {
  let reason = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) await setTimeout(pace.pauseMs * 2 ** attempt * (0.5 + Math.random()));
    try {
      const reply = await send(make(), pace.timeoutMs);
      if (!passing(reply)) return reply;
      reason = `it answers ${reply.status} ${describe(reply.body)}`;
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  throw new SnowmeltError('REGISTRY_UNREACHABLE', `${hostOf(make().url)}: ${reason}`);
}

/**
 * What a registry says of an error: a code of its own, where it has one, and one line of its message, shortened. Nothing else of
 * an answer gets into an error. A registry is told schemas and never a row, so it has none to repeat.
 */
export function describe(body: unknown): string {
  const { error_code: code, message, Message } = (body ?? {}) as Record<'error_code' | 'message' | 'Message', unknown>;
  const text = typeof message === 'string' ? message : typeof Message === 'string' ? Message : '';
  const line = (text.split(/[\r\n]/, 1)[0] ?? '').slice(0, MAX_SAID);
  // Where it is no more than the status it was said already.
  return typeof code === 'number' && Number.isInteger(code) && code > 599 ? `${code} ${line}` : line;
}

function hostOf(url: string): string {
  return `Registry ${new URL(url).host}`;
}

function send({ method, url, headers, body }: Request, timeoutMs: number): Promise<Reply> {
  const start = url.startsWith('https:') ? https : http;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    signal.addEventListener('abort', () => reject(new Error(`no answer within ${timeoutMs} ms`)));
    const length = body === null ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const sent = start(url, { method, headers: { ...headers, ...length }, signal, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MAX_BYTES) sent.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, body: parsed(text) });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A proxy's page is no JSON; its status says enough. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
