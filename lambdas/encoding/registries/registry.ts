/**
 * Schemas that consumers find by an id: each is registered once per process, before anything is sent that follows it. What a
 * registry says is believed for as long as the process lives: a schema never changes under its id.
 */
import type { Credentials, ResolvedConfig, ResolvedRegistry } from '../../config/resolved.ts';
import { SnowmeltError } from '../../errors.ts';
import type { DecimalPlace } from '../protobuf-schema.ts';
import { ConfluentRegistry } from './confluent.ts';
import { GlueRegistry } from './glue.ts';
import { usualPace, type Pace } from './request.ts';

export type SchemaType = 'AVRO' | 'PROTOBUF';
/** The keys and values of rows, and what a record has instead that says that all rows are gone. */
export type Part = 'key' | 'value' | 'truncation-key' | 'truncation-value';
export type Place = { topic: string; part: Part; record: string };

/** The requests of one kind of registry. */
export interface RegistryClient {
  /** Whether its schemas may import Confluent's Decimal. */
  readonly decimals: DecimalPlace;
  /** The schema that was registered last under the subject, or null. */
  latest(subject: string): Promise<string | null>;
  /**
   * Answers the header that stands before what follows the schema.
   * @throws SUBJECT_INCOMPATIBLE, SCHEMA_REFUSED, REGISTRY_UNREACHABLE, REGISTRY_UNAUTHORIZED
   */
  register(subject: string, type: SchemaType, text: string): Promise<Buffer>;
  /** Bytes of that header. */
  readonly headLength: number;
  /** The schema that a header names; null: it names none that is there. @throws REGISTRY_UNREACHABLE, REGISTRY_UNAUTHORIZED */
  find(head: Buffer): Promise<string | null>;
}

/** Schemas as who reads records asks for them. */
export type Schemas = Pick<RegistryClient, 'headLength' | 'find'>;

export interface Registry {
  readonly decimals: DecimalPlace;
  /** `make` is given what was registered last where the type goes on from it (Protobuf), else null. */
  register<T extends { text: string }>(
    place: Place,
    type: SchemaType,
    make: (latest: string | null) => T,
  ): Promise<{ head: Buffer; schema: T }>;
}

/** By registry, subject and schema. */
const registered = new Map<string, Promise<{ head: Buffer; schema: { text: string } }>>();

/** `renewed`: what it is asked with once it refuses the credentials. @throws CONFIG_INVALID */
export function registryOf(
  config: Pick<ResolvedConfig, 'registry'>,
  credentials: Credentials | null,
  pace: Pace = usualPace,
  renewed?: () => Promise<Credentials | null>,
): Registry {
  const { registry } = config;
  if (registry === null) throw new SnowmeltError('CONFIG_INVALID', 'Avro and Protobuf need a `registry`.');
  const client = clientOf(registry, credentials, pace, renewed);
  return {
    decimals: client.decimals,
    register: (place, type, make) => {
      const subject = subjectOf(registry.subjects, place);
      const key = JSON.stringify([addressOf(registry), subject, type, make(null).text]);
      const known = registered.get(key) as ReturnType<typeof registerAt<ReturnType<typeof make>>> | undefined;
      if (known !== undefined) return known;
      const made = registerAt(client, subject, type, make);
      registered.set(key, made);
      // What failed is tried again; whoever waits for it is told.
      made.catch(() => registered.delete(key));
      return made;
    },
  };
}

/** Reads only. @throws CONFIG_INVALID */
export function schemasOf(
  { registry }: Pick<ResolvedConfig, 'registry'>,
  credentials: Credentials | null,
  pace: Pace = usualPace,
): Schemas {
  if (registry === null) throw new SnowmeltError('CONFIG_INVALID', 'Avro and Protobuf need a `registry`.');
  return clientOf(registry, credentials, pace);
}

/**
 * Resolves when the registry answers and lets us read: asked for what it has under a subject, whatever that is.
 * @throws REGISTRY_UNREACHABLE, REGISTRY_UNAUTHORIZED, CONFIG_INVALID
 */
export async function reach(
  registry: ResolvedRegistry,
  credentials: Credentials | null,
  subject: string,
  pace: Pace = usualPace,
): Promise<void> {
  await clientOf(registry, credentials, pace).latest(subject);
}

async function registerAt<T extends { text: string }>(
  client: RegistryClient,
  subject: string,
  type: SchemaType,
  make: (latest: string | null) => T,
): Promise<{ head: Buffer; schema: T }> {
  const schema = make(type === 'PROTOBUF' ? await client.latest(subject) : null);
  return { head: await client.register(subject, type, schema.text), schema };
}

function clientOf(
  registry: ResolvedRegistry,
  credentials: Credentials | null,
  pace: Pace,
  renewed?: () => Promise<Credentials | null>,
): RegistryClient {
  if (registry.type === 'confluent') return new ConfluentRegistry(registry, credentials, pace, renewed);
  if (credentials === null) throw new SnowmeltError('REGISTRY_UNAUTHORIZED', 'No credentials for Glue.');
  return new GlueRegistry(registry, credentials, pace);
}

function addressOf(registry: ResolvedRegistry): string {
  return registry.type === 'confluent'
    ? registry.url
    : `${registry.endpoint ?? ''} ${registry.region ?? ''} ${registry.name}`;
}

/** Confluent's strategies: by topic, by record, or by both. */
export function subjectOf(strategy: ResolvedRegistry['subjects'], { topic, part, record }: Place): string {
  switch (strategy) {
    case 'topic':
      return `${topic}-${part}`;
    case 'record':
      return record;
    case 'topic-record':
      return `${topic}-${record}`;
  }
}
