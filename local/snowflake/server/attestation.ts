/**
 * AWS's attestation of who signs in: a request to STS's GetCallerIdentity, signed and not sent. Snowflake sends it and learns
 * the role; here the signature is checked with the key that STS would know the role by.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

export type AwsKey = { accessKeyId: string; secretAccessKey: string };

const QUERY = 'Action=GetCallerIdentity&Version=2011-06-15';
const AUDIENCE = 'snowflakecomputing.com';
const FRESH_MS = 15 * 60_000;
const MUST_SIGN = ['host', 'x-amz-date', 'x-snowflake-audience'];

/** Whether the token (base64 of `{url, method, headers}`) was signed with the key, lately, for Snowflake. */
export function isAttested(token: string, key: AwsKey, now: number): boolean {
  const request = parse(token);
  if (request === null || request.method !== 'POST') return false;
  const { headers } = request;
  const host = /^https:\/\/(sts\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?)\/\?(.*)$/.exec(request.url);
  if (host === null || host[3] !== QUERY || headers['host'] !== host[1]) return false;
  if (headers['x-snowflake-audience'] !== AUDIENCE) return false;
  const time = headers['x-amz-date'] ?? '';
  const sentAt = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
  if (!(Math.abs(now - sentAt) < FRESH_MS)) return false;

  const authorization = /^AWS4-HMAC-SHA256 Credential=([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
    headers['authorization'] ?? '',
  );
  if (authorization === null) return false;
  const [, credential, names, signature] = authorization as unknown as [string, string, string, string];
  const scope = `${time.slice(0, 8)}/${host[2]}/sts/aws4_request`;
  const signedNames = names.split(';');
  if (credential !== `${key.accessKeyId}/${scope}` || !MUST_SIGN.every((name) => signedNames.includes(name)))
    return false;
  const canonical = [
    'POST',
    '/',
    QUERY,
    ...signedNames.map((name) => `${name}:${(headers[name] ?? '').trim()}`),
    '',
    names,
    hash(''),
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n');
  const signingKey = scope
    .split('/')
    .reduce<Buffer | string>(
      (secret, part) => createHmac('sha256', secret).update(part).digest(),
      `AWS4${key.secretAccessKey}`,
    );
  const expected = createHmac('sha256', signingKey).update(text).digest();
  return timingSafeEqual(expected, Buffer.from(signature, 'hex'));
}

function parse(token: string): { url: string; method: string; headers: Record<string, string> } | null {
  try {
    const { url, method, headers } = JSON.parse(Buffer.from(token, 'base64').toString()) as {
      url?: unknown;
      method?: unknown;
      headers?: Record<string, string>;
    };
    const lower = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)] as const);
    return { url: String(url), method: String(method), headers: Object.fromEntries(lower) };
  } catch {
    return null;
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
