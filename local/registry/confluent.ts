/**
 * Confluent Schema Registry as far as a producer and its consumers ask it, and of Apicurio's own API what its Avro converter
 * asks; everything else is refused as the real one does.
 */
import { CONFLUENT_IMPORTS, incompatibility, problemOf, type SchemaType } from './schemas.ts';
import { RegistryServer, type Answer, type Heard } from './server.ts';

type Version = { version: number; id: number; type: SchemaType; schema: string };
type Options = { username?: string; password?: string };

const CONTENT = /^application\/(vnd\.schemaregistry(\.v1)?\+)?json\b/;

export class ConfluentStandIn extends RegistryServer {
  readonly subjects = new Map<string, Version[]>();
  readonly #ids: string[] = [];
  readonly #options: Options;
  /** Of subjects that don't have their own. */
  readonly levels = new Map<string, 'BACKWARD' | 'NONE'>();

  private constructor(options: Options) {
    super((heard) => this.#handle(heard));
    this.#options = options;
  }

  static async start(options: Options & { port?: number } = {}): Promise<ConfluentStandIn> {
    const registry = new ConfluentStandIn(options);
    await registry.listen(options.port);
    return registry;
  }

  /** The schema behind an id, as a deserializer asks for it. */
  schemaOf(id: number): { type: SchemaType; schema: string } {
    const found = this.#ids[id - 1];
    if (found === undefined) throw new Error(`no schema with id ${id}`);
    const [type, schema] = JSON.parse(found) as [SchemaType, string];
    return { type, schema };
  }

  #handle(heard: Heard): Answer {
    const { method, path, headers, body } = heard;
    const { username, password } = this.#options;
    if (username !== undefined) {
      const pair = Buffer.from(`${username}:${password ?? ''}`).toString('base64');
      if (headers.authorization !== `Basic ${pair}`) return failure(401, 401, 'Unauthorized');
    }
    if (method === 'POST' && !CONTENT.test(headers['content-type'] ?? '')) {
      return failure(415, 415, 'HTTP 415 Unsupported Media Type');
    }
    const [, root, name = '', versions, version] = path.split('/');
    const subject = decodeURIComponent(name);
    if (root === 'subjects' && method === 'GET' && versions === 'versions' && version === 'latest') {
      return this.#latest(subject);
    }
    if (root === 'subjects' && method === 'POST' && version === undefined) {
      const asked = parse(body);
      if (asked === null) return failure(400, 400, 'Unable to process JSON');
      if (versions === 'versions') return this.#register(subject, asked);
      if (versions === undefined) return this.#find(subject, asked);
    }
    const apicurio = /^\/apis\/registry\/v2\/ids\/(?:globalIds|contentIds)\/(\d+)(\/references)?(?:\?|$)/.exec(path);
    if (apicurio !== null && method === 'GET') {
      if (apicurio[2] !== undefined) return { status: 200, body: [] };
      const found = this.#ids[Number(apicurio[1]) - 1];
      if (found === undefined) return failure(404, 404, 'No content with such an id was found.');
      return { status: 200, body: JSON.parse((JSON.parse(found) as [SchemaType, string])[1]) as unknown };
    }
    if (root === 'schemas' && method === 'GET' && name === 'ids') {
      const found = this.#ids[Number(versions?.split('?')[0]) - 1];
      if (found === undefined) return failure(404, 40403, 'Schema not found');
      const [schemaType, schema] = JSON.parse(found) as [SchemaType, string];
      return { status: 200, body: schemaType === 'AVRO' ? { schema } : { schema, schemaType } };
    }
    return failure(404, 404, 'HTTP 404 Not Found');
  }

  #latest(subject: string): Answer {
    const last = this.subjects.get(subject)?.at(-1);
    if (last === undefined) return failure(404, 40401, `Subject '${subject}' not found.`);
    const { version, id, schema } = last;
    return { status: 200, body: { subject, version, id, schema } };
  }

  #find(subject: string, { type, schema }: Asked): Answer {
    const versions = this.subjects.get(subject);
    if (versions === undefined) return failure(404, 40401, `Subject '${subject}' not found.`);
    const found = versions.find((one) => one.type === type && one.schema === schema);
    if (found === undefined) return failure(404, 40403, 'Schema not found');
    return { status: 200, body: { subject, id: found.id, version: found.version, schema } };
  }

  #register(subject: string, { type, schema }: Asked): Answer {
    if (type !== 'AVRO' && type !== 'PROTOBUF') return failure(422, 42201, `Invalid schema type ${String(type)}`);
    if (typeof schema !== 'string') return failure(422, 42201, 'Empty schema');
    const problem = problemOf(type, schema, CONFLUENT_IMPORTS);
    if (problem !== null) return failure(422, 42201, `Invalid schema ${problem}`);
    const versions = this.subjects.get(subject) ?? [];
    const known = versions.find((one) => one.type === type && one.schema === schema);
    if (known !== undefined) return { status: 200, body: { id: known.id } };
    const last = versions.at(-1);
    if (last !== undefined && this.levels.get(subject) !== 'NONE') {
      const why = last.type === type ? incompatibility(type, last.schema, schema) : 'TYPE_MISMATCH';
      const said = `Schema being registered is incompatible with an earlier schema for subject "${subject}", details: ${why}`;
      if (why !== null) return failure(409, 409, said);
    }
    const id = this.#idOf(JSON.stringify([type, schema]));
    this.subjects.set(subject, [...versions, { version: versions.length + 1, id, type, schema }]);
    return { status: 200, body: { id } };
  }

  /** One schema has one id, under whatever subjects. */
  #idOf(text: string): number {
    const at = this.#ids.indexOf(text);
    return at >= 0 ? at + 1 : this.#ids.push(text);
  }
}

type Asked = { type: unknown; schema: unknown };

function parse(body: string): Asked | null {
  try {
    const { schemaType = 'AVRO', schema } = JSON.parse(body) as { schemaType?: unknown; schema?: unknown };
    return { type: schemaType, schema };
  } catch {
    return null;
  }
}

function failure(status: number, error_code: number, message: string): Answer {
  return { status, body: { error_code, message } };
}
