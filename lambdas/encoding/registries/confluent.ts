/** Confluent Schema Registry, and what speaks its REST API (Apicurio, Redpanda, Karapace). */
import { isDeepStrictEqual } from 'node:util';
import type { Credentials, ResolvedRegistry } from '../../config/resolved.ts';
import { SnowmeltError } from '../../errors.ts';
import type { RegistryClient, SchemaType } from './registry.ts';
import { ask, describe, type Pace, type Reply } from './request.ts';

const CONTENT = 'application/vnd.schemaregistry.v1+json';
const MAGIC = 0;
const NO_SUBJECT = 40401;
const NO_VERSION = 40402;
const NO_SCHEMA = 40403;

type Settings = Extract<ResolvedRegistry, { type: 'confluent' }>;

export class ConfluentRegistry implements RegistryClient {
  readonly decimals = 'imported';
  readonly headLength = 5;
  readonly #pace: Pace;
  readonly #url: string;
  readonly #register: boolean;
  readonly #renewed: (() => Promise<Credentials | null>) | undefined;
  #credentials: Credentials | null;

  constructor(
    { url, register }: Settings,
    credentials: Credentials | null,
    pace: Pace,
    renewed?: () => Promise<Credentials | null>,
  ) {
    this.#pace = pace;
    this.#url = url;
    this.#register = register;
    this.#credentials = credentials;
    this.#renewed = renewed;
  }

  async latest(subject: string): Promise<string | null> {
    const reply = await this.#ask('GET', `/subjects/${encodeURIComponent(subject)}/versions/latest`, null);
    if (reply.status === 404 && [NO_SUBJECT, NO_VERSION].includes(codeOf(reply))) return null;
    const { schema } = this.#accepted(reply, subject) as { schema?: unknown };
    if (typeof schema === 'string') return schema;
    throw new SnowmeltError('REGISTRY_UNREACHABLE', `The latest version of subject ${subject} comes without a schema.`);
  }

  async register(subject: string, type: SchemaType, text: string): Promise<Buffer> {
    const path = `/subjects/${encodeURIComponent(subject)}${this.#register ? '/versions' : ''}`;
    const reply = await this.#ask('POST', path, JSON.stringify({ schemaType: type, schema: text }));
    const { id } = this.#accepted(reply, subject) as { id?: unknown };
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= 2 ** 31) {
      throw new SnowmeltError('REGISTRY_UNREACHABLE', `The answer for subject ${subject} comes without an id.`);
    }
    const head = Buffer.alloc(this.headLength, MAGIC);
    head.writeInt32BE(id, 1);
    return head;
  }

  async find(head: Buffer): Promise<string | null> {
    const id = head.readInt32BE(1);
    if (head[0] !== MAGIC || id < 0) return null;
    const reply = await this.#ask('GET', `/schemas/ids/${id}`, null);
    if (reply.status === 404) return null;
    const { schema } = this.#accepted(reply, `of id ${id}`) as { schema?: unknown };
    return typeof schema === 'string' ? schema : null;
  }

  /** Refused, it is asked once more with what the secret holds now, if that is something else. */
  async #ask(method: 'GET' | 'POST', path: string, body: string | null): Promise<Reply> {
    const used = this.#credentials;
    const reply = await this.#askWith(used, method, path, body);
    if (reply.status !== 401 || this.#renewed === undefined) return reply;
    const now = await this.#renewed().catch(() => used);
    if (isDeepStrictEqual(now, used)) return reply;
    this.#credentials = now;
    return this.#askWith(now, method, path, body);
  }

  #askWith(credentials: Credentials | null, method: 'GET' | 'POST', path: string, body: string | null): Promise<Reply> {
    const headers: Record<string, string> = { Accept: CONTENT, ...authorization(credentials) };
    if (body !== null) headers['Content-Type'] = CONTENT;
    return ask(
      this.#pace,
      () => ({ method, url: `${this.#url}${path}`, headers, body }),
      ({ status }) => status === 429 || status >= 500,
    );
  }

  #accepted(reply: Reply, subject: string): object {
    const { status, body } = reply;
    if (status === 200 && typeof body === 'object' && body !== null) return body;
    const said = `Subject ${subject}: ${status} ${describe(body)}`;
    if (status === 401 || status === 403) throw new SnowmeltError('REGISTRY_UNAUTHORIZED', said);
    if (status === 409) throw new SnowmeltError('SUBJECT_INCOMPATIBLE', said);
    if (status === 404 && [NO_SUBJECT, NO_SCHEMA].includes(codeOf(reply))) {
      throw new SnowmeltError('SCHEMA_REFUSED', `${said}; it is not registered, and \`registry.register\` is false.`);
    }
    if (status === 422) throw new SnowmeltError('SCHEMA_REFUSED', said);
    throw new SnowmeltError('REGISTRY_UNREACHABLE', said);
  }
}

function codeOf({ body }: Reply): number {
  const { error_code: code } = (body ?? {}) as { error_code?: unknown };
  return typeof code === 'number' ? code : 0;
}

function authorization(credentials: Credentials | null): Record<string, string> {
  if (credentials === null || !('username' in credentials)) return {};
  const pair = Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64');
  return { Authorization: `Basic ${pair}` };
}
