/** Calls to AWS that the product itself never makes, in its JSON protocol: no client library is needed for a handful. */

type Credentials = { id: string; token?: string };
const ROOT: Credentials = { id: 'test' };

export class Aws {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** `operation` is the value of X-Amz-Target. @throws with what the service answered */
  async call<T>(service: string, operation: string, input: object, credentials = ROOT): Promise<T> {
    const reply = await fetch(this.#url, {
      method: 'POST',
      headers: {
        ...headers(service, credentials),
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': operation,
      },
      body: JSON.stringify(input),
    });
    const text = await reply.text();
    if (!reply.ok) throw new Error(`${operation}: ${reply.status} ${text}`);
    return JSON.parse(text || '{}') as T;
  }

  /** Signs in as a function does. */
  async assume(role: string): Promise<Credentials> {
    const form = { Action: 'AssumeRole', Version: '2011-06-15', RoleArn: role, RoleSessionName: 'probe' };
    const reply = await fetch(this.#url, {
      method: 'POST',
      headers: { ...headers('sts', ROOT), 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form),
    });
    const text = await reply.text();
    const field = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
    const id = field('AccessKeyId');
    if (!reply.ok || id === undefined) throw new Error(`AssumeRole ${role}: ${text}`);
    return { id, token: field('SessionToken')! };
  }
}

/** MiniStack goes by the key id and does not check signatures. */
function headers(service: string, { id, token }: Credentials): Record<string, string> {
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = now.slice(0, 8);
  const scope = `${id}/${day}/us-east-1/${service}/aws4_request`;
  return {
    'x-amz-date': now,
    authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    ...(token === undefined ? {} : { 'x-amz-security-token': token }),
  };
}
