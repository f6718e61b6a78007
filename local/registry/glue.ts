/** AWS Glue Schema Registry at request level: signature, operations, versions that are checked after they were taken. */
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { GLUE_IMPORTS, incompatibility, problemOf, type SchemaType } from './schemas.ts';
import { RegistryServer, type Answer, type Heard } from './server.ts';

type Status = 'AVAILABLE' | 'PENDING' | 'FAILURE';
type Version = { id: string; schema: string; status: Status; settled: Status };
type Schema = { type: SchemaType; compatibility: string; versions: Version[] };
type Options = { registry: string; region: string; accessKeyId: string; secretAccessKey: string };
type Input = Record<string, unknown>;

export class GlueStandIn extends RegistryServer {
  readonly schemas = new Map<string, Schema>();
  readonly #options: Options;

  private constructor(options: Options) {
    super((heard) => this.#handle(heard));
    this.#options = options;
  }

  static async start(options: Options): Promise<GlueStandIn> {
    const registry = new GlueStandIn(options);
    await registry.listen();
    return registry;
  }

  /** The schema of a version, as a deserializer asks for it. */
  schemaOf(id: string): { type: SchemaType; schema: string } {
    for (const { type, versions } of this.schemas.values()) {
      const found = versions.find((version) => version.id === id);
      if (found !== undefined) return { type, schema: found.schema };
    }
    throw new Error(`no schema version ${id}`);
  }

  #handle(heard: Heard): Answer {
    const refused = this.#refuseUnsigned(heard);
    if (refused !== null) return refused;
    const operation = /^AWSGlue\.(\w+)$/.exec(String(heard.headers['x-amz-target']))?.[1];
    if (heard.headers['content-type'] !== 'application/x-amz-json-1.1') return failure('UnknownOperationException', '');
    const input = JSON.parse(heard.body) as Input;
    switch (operation) {
      case 'GetSchemaByDefinition':
        return this.#byDefinition(input);
      case 'GetSchemaVersion':
        return this.#version(input);
      case 'RegisterSchemaVersion':
        return this.#register(input);
      case 'CreateSchema':
        return this.#create(input);
      default:
        return failure('UnknownOperationException', '');
    }
  }

  #byDefinition(input: Input): Answer {
    const found = this.#schema(input)?.versions.find(({ schema }) => schema === input['SchemaDefinition']);
    if (found === undefined) return failure('EntityNotFoundException', 'Schema version is not found.');
    return { status: 200, body: { SchemaVersionId: found.id, Status: found.status } };
  }

  #version(input: Input): Answer {
    const { SchemaVersionId: id } = input;
    const { LatestVersion: latest } = (input['SchemaVersionNumber'] ?? {}) as Input;
    const all = [...this.schemas.values()].flatMap(({ versions }) => versions);
    const found =
      id === undefined
        ? latest === true
          ? this.#schema(input)?.versions.at(-1)
          : undefined
        : all.find((one) => one.id === id);
    if (found === undefined) return failure('EntityNotFoundException', 'Schema is not found.');
    const { status } = found;
    found.status = found.settled; // checked by the time it is looked at again
    return { status: 200, body: { SchemaVersionId: found.id, SchemaDefinition: found.schema, Status: status } };
  }

  #register(input: Input): Answer {
    const schema = this.#schema(input);
    if (schema === undefined) return failure('EntityNotFoundException', 'Schema is not found.');
    const text = String(input['SchemaDefinition']);
    const problem = problemOf(schema.type, text, GLUE_IMPORTS);
    if (problem !== null) return failure('InvalidInputException', `Schema definition is invalid: ${problem}`);
    const last = schema.versions.filter(({ settled }) => settled === 'AVAILABLE').at(-1);
    const strict = schema.compatibility === 'BACKWARD' && last !== undefined;
    const fits = !strict || incompatibility(schema.type, last.schema, text) === null;
    const version: Version = {
      id: randomUUID(),
      schema: text,
      status: 'PENDING',
      settled: fits ? 'AVAILABLE' : 'FAILURE',
    };
    schema.versions.push(version);
    return {
      status: 200,
      body: { SchemaVersionId: version.id, VersionNumber: schema.versions.length, Status: 'PENDING' },
    };
  }

  #create(input: Input): Answer {
    const { RegistryName: registry } = (input['RegistryId'] ?? {}) as Input;
    const { SchemaName: name, DataFormat: type, Compatibility: compatibility, SchemaDefinition: text } = input;
    if (registry !== this.#options.registry) return failure('EntityNotFoundException', 'Registry is not found.');
    if (typeof name !== 'string' || !/^[a-zA-Z0-9_$#.-]{1,255}$/.test(name))
      return failure('InvalidInputException', 'Schema name is invalid.');
    if (type !== 'AVRO' && type !== 'PROTOBUF') return failure('InvalidInputException', 'Data format is invalid.');
    if (compatibility !== 'BACKWARD' && compatibility !== 'NONE')
      return failure('InvalidInputException', 'Compatibility is invalid.');
    if (this.schemas.has(name)) return failure('AlreadyExistsException', 'Schema already exists.');
    const problem = problemOf(type, String(text), GLUE_IMPORTS);
    if (problem !== null) return failure('InvalidInputException', `Schema definition is invalid: ${problem}`);
    const version: Version = { id: randomUUID(), schema: String(text), status: 'AVAILABLE', settled: 'AVAILABLE' };
    this.schemas.set(name, { type, compatibility, versions: [version] });
    return { status: 200, body: { SchemaName: name, SchemaVersionId: version.id, SchemaVersionStatus: 'AVAILABLE' } };
  }

  #schema(input: Input): Schema | undefined {
    const { RegistryName: registry, SchemaName: name } = (input['SchemaId'] ?? {}) as Input;
    return registry === this.#options.registry ? this.schemas.get(String(name)) : undefined;
  }

  /** Signature Version 4, worked out from what came. */
  #refuseUnsigned({ method, path, headers, body }: Heard): Answer | null {
    const { accessKeyId, secretAccessKey, region } = this.#options;
    const form =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/glue\/aws4_request, SignedHeaders=([^,]+), Signature=(\w+)$/;
    const parts = form.exec(headers.authorization ?? '');
    if (parts === null) return failure('MissingAuthenticationTokenException', 'Missing Authentication Token');
    const [, key, date, where, names, signature] = parts as unknown as [string, string, string, string, string, string];
    if (key !== accessKeyId) return failure('UnrecognizedClientException', 'The security token is invalid.');
    const listed = names.split(';');
    if (where !== region || !['host', 'x-amz-date', 'x-amz-target'].every((name) => listed.includes(name)))
      return failure('InvalidSignatureException', 'The scope or the signed headers do not fit.');
    const hash = (text: string) => createHash('sha256').update(text).digest('hex');
    const hmac = (secret: string | Buffer, text: string) => createHmac('sha256', secret).update(text).digest();
    const lines = listed.map((name) => `${name}:${String(headers[name]).trim()}\n`).join('');
    const canonical = `${method}\n${path}\n\n${lines}\n${names}\n${hash(body)}`;
    const text = `AWS4-HMAC-SHA256\n${String(headers['x-amz-date'])}\n${date}/${region}/glue/aws4_request\n${hash(canonical)}`;
    const signing = hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, date), region), 'glue'), 'aws4_request');
    if (hmac(signing, text).toString('hex') === signature) return null;
    return failure('InvalidSignatureException', 'The request signature we calculated does not match.');
  }
}

function failure(type: string, Message: string): Answer {
  return { status: 400, body: { __type: type, Message } };
}
