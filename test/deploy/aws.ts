/** Calls to AWS that the product itself never makes, in its JSON protocol: no client library is needed for a handful. */

export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken: string };

export class Aws {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** `operation` is the value of X-Amz-Target. @throws with what the service answered */
  async call<T>(service: string, operation: string, input: object): Promise<T> {
    const reply = await fetch(this.#url, {
      method: 'POST',
      headers: {
        ...asRoot(service),
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
      headers: { ...asRoot('sts'), 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form),
    });
    const text = await reply.text();
    const field = (name: string) => new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
    const accessKeyId = field('AccessKeyId');
    if (!reply.ok || accessKeyId === undefined) throw new Error(`AssumeRole ${role}: ${text}`);
    return { accessKeyId, secretAccessKey: field('SecretAccessKey')!, sessionToken: field('SessionToken')! };
  }
}

/** The key `test` may do everything, and its signature is not looked at; a role's is. */
function asRoot(service: string): Record<string, string> {
  const now = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = `test/${now.slice(0, 8)}/us-east-1/${service}/aws4_request`;
  return {
    'x-amz-date': now,
    authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
  };
}
