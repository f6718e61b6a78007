/** AWS Glue Schema Registry, by its requests: a handful, signed here, instead of an SDK client for all of Glue. */
import { setTimeout } from 'node:timers/promises';
import type { Credentials, ResolvedRegistry } from '../../config/resolved.ts';
import { SnowmeltError } from '../../errors.ts';
import type { RegistryClient, SchemaType } from './registry.ts';
import { ask, describe, type Pace, type Reply } from './request.ts';
import { signed, type Keys } from './sigv4.ts';

const HEADER_VERSION = 3;
const NOT_COMPRESSED = 0;
const CHECKS = 40;

const PASSING = [
  'ThrottlingException',
  'TooManyRequestsException',
  'ConcurrentModificationException',
  'InternalServiceException',
  'OperationTimeoutException',
];
const UNAUTHORIZED = [
  'AccessDeniedException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'ExpiredTokenException',
  'MissingAuthenticationTokenException',
  'IncompleteSignatureException',
];

type Settings = Extract<ResolvedRegistry, { type: 'glue' }>;
type Version = {
  SchemaVersionId?: unknown;
  Status?: unknown;
  SchemaVersionStatus?: unknown;
  SchemaDefinition?: unknown;
};

export class GlueRegistry implements RegistryClient {
  readonly decimals = 'inside';
  readonly headLength = 18;
  readonly #pace: Pace;
  readonly #settings: Settings;
  readonly #url: string;
  readonly #region: string;
  readonly #keys: Keys;

  /** @throws CONFIG_INVALID */
  constructor(settings: Settings, credentials: Credentials, pace: Pace) {
    this.#pace = pace;
    if (!('accessKeyId' in credentials)) throw new SnowmeltError('CONFIG_INVALID', 'Glue takes AWS credentials alone.');
    const region = settings.region ?? credentials.region;
    if (region === null) throw new SnowmeltError('CONFIG_INVALID', 'No region for Glue: set registry.region.');
    this.#settings = settings;
    this.#region = region;
    this.#url = settings.endpoint ?? `https://glue.${region}.amazonaws.com`;
    this.#keys = credentials;
  }

  async latest(subject: string): Promise<string | null> {
    const reply = await this.#ask('GetSchemaVersion', {
      SchemaId: this.#schemaId(subject),
      SchemaVersionNumber: { LatestVersion: true },
    });
    if (isMissing(reply)) return null;
    const { SchemaDefinition } = accepted(reply, subject);
    return typeof SchemaDefinition === 'string' ? SchemaDefinition : null;
  }

  async register(subject: string, type: SchemaType, text: string): Promise<Buffer> {
    const definition = { SchemaId: this.#schemaId(subject), SchemaDefinition: text };
    const known = await this.#ask('GetSchemaByDefinition', definition);
    if (!isMissing(known)) return this.#usable(accepted(known, subject), subject);
    if (!this.#settings.register) {
      throw new SnowmeltError(
        'SCHEMA_REFUSED',
        `Schema ${subject} has no such version in registry ${this.#settings.name}, and \`registry.register\` is false.`,
      );
    }
    const added = await this.#ask('RegisterSchemaVersion', definition);
    if (!isMissing(added)) return this.#usable(accepted(added, subject), subject);
    const created = await this.#ask('CreateSchema', {
      RegistryId: { RegistryName: this.#settings.name },
      SchemaName: subject,
      DataFormat: type,
      Compatibility: 'BACKWARD',
      SchemaDefinition: text,
    });
    // Another process was faster.
    if (nameOf(created) !== 'AlreadyExistsException') return this.#usable(accepted(created, subject), subject);
    return this.#usable(accepted(await this.#ask('RegisterSchemaVersion', definition), subject), subject);
  }

  async find(head: Buffer): Promise<string | null> {
    if (head[0] !== HEADER_VERSION || head[1] !== NOT_COMPRESSED) return null;
    const id = head.toString('hex', 2).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const reply = await this.#ask('GetSchemaVersion', { SchemaVersionId: id });
    if (isMissing(reply)) return null;
    const { SchemaDefinition } = accepted(reply, `version ${id}`);
    return typeof SchemaDefinition === 'string' ? SchemaDefinition : null;
  }

  /** A version is checked after it was taken. */
  async #usable(version: Version, subject: string): Promise<Buffer> {
    const { SchemaVersionId: id } = version;
    let status = version.Status ?? version.SchemaVersionStatus;
    if (typeof id !== 'string' || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) {
      throw new SnowmeltError('REGISTRY_UNREACHABLE', `The answer for schema ${subject} comes without an id.`);
    }
    for (let checks = 0; status === 'PENDING' && checks < CHECKS; checks++) {
      await setTimeout(this.#pace.pauseMs);
      status = accepted(await this.#ask('GetSchemaVersion', { SchemaVersionId: id }), subject).Status;
    }
    if (status === 'AVAILABLE') {
      return Buffer.concat([Buffer.of(HEADER_VERSION, NOT_COMPRESSED), Buffer.from(id.replaceAll('-', ''), 'hex')]);
    }
    const said = `Schema ${subject}, version ${id}: ${wordOf(status)}`;
    if (status === 'PENDING') throw new SnowmeltError('REGISTRY_UNREACHABLE', said);
    throw new SnowmeltError('SUBJECT_INCOMPATIBLE', said);
  }

  #schemaId(subject: string): object {
    return { RegistryName: this.#settings.name, SchemaName: subject };
  }

  #ask(operation: string, input: object): Promise<Reply> {
    const body = JSON.stringify(input);
    const target = { service: 'glue', region: this.#region, host: new URL(this.#url).host };
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `AWSGlue.${operation}` };
    return ask(
      this.#pace,
      () => ({
        method: 'POST',
        url: `${this.#url}/`,
        headers: signed(target, this.#keys, headers, body, new Date()),
        body,
      }),
      (reply) => reply.status === 429 || reply.status >= 500 || PASSING.includes(nameOf(reply)),
    );
  }
}

function isMissing(reply: Reply): boolean {
  return nameOf(reply) === 'EntityNotFoundException';
}

function accepted(reply: Reply, subject: string): Version {
  if (reply.status === 200 && typeof reply.body === 'object' && reply.body !== null) return reply.body;
  const name = nameOf(reply);
  const said = `Schema ${subject}: ${name === '' ? reply.status : name} ${describe(reply.body)}`;
  if (UNAUTHORIZED.includes(name)) throw new SnowmeltError('REGISTRY_UNAUTHORIZED', said);
  if (name !== '') throw new SnowmeltError('SCHEMA_REFUSED', said);
  throw new SnowmeltError('REGISTRY_UNREACHABLE', said);
}

/** The name of an error; empty for an answer. */
function nameOf({ status, body }: Reply): string {
  if (status === 200) return '';
  const { __type: type } = (body ?? {}) as { __type?: unknown };
  return typeof type === 'string' ? wordOf(type.slice(type.lastIndexOf('#') + 1)) : '';
}

/** Names of errors and states are words; what is not is nothing of Glue's. */
function wordOf(value: unknown): string {
  return typeof value === 'string' && /^\w{1,80}$/.test(value) ? value : '';
}
