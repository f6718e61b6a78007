/** Stand-ins that take the planted secrets, and functions beside them; tables have the planted rows. */
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { startServer } from '../aws/server.ts';
import { Stands } from '../faults/pipeline.ts';
import { startFunctions, type Functions } from './functions.ts';
import { aws, known, rows, SECRETS, secrets } from './planted.ts';

type Server = Awaited<ReturnType<typeof startServer>>;

export const NO_SHAPE = { include: null, exclude: [], computed: [], where: null, masks: [], skip: [] };
/** Its SQL fails at a name that is no number, with the name in Snowflake's words. */
export const CAST = { name: 'N', sql: 'TO_NUMBER(NAME)', type: { name: 'NUMBER', precision: 38, scale: 0 } };

export class PlantedStands {
  readonly stands: Stands;
  readonly server: Server;
  readonly functions: Functions;
  readonly registry: ConfluentStandIn;

  private constructor(stands: Stands, registry: ConfluentStandIn, server: Server) {
    this.stands = stands;
    this.server = server;
    this.registry = registry;
    server.state.answer = ({ target, input }) => secretOrEvents(target, input);
    this.functions = startFunctions({ ...aws, AWS_REGION: 'us-east-1' });
  }

  static async start(): Promise<PlantedStands> {
    const user = {
      name: 'SNOWMELT',
      password: 'snowmelt',
      accessTokens: [secrets.token],
      publicKeys: [known.publicKey],
    };
    const [stands, registry, server] = await Promise.all([
      Stands.start({ users: [user] }),
      ConfluentStandIn.start({ username: 'shop', password: secrets.registry }),
      startServer(),
    ]);
    return new PlantedStands(stands, registry, server);
  }

  async stop(): Promise<void> {
    this.functions.stop();
    await Promise.all([this.stands.stop(), this.registry.close(), this.server.close()]);
  }

  /** A source whose table has one row, twice or not, of this name. */
  async source(name: string, overrides: Partial<ResolvedSource> = {}, copies = 1): Promise<ResolvedSource> {
    const pipeline = await this.stands.pipeline({ source: { partitions: 1, ...overrides } });
    const row = `(1, '${name}', '${rows.email}')`;
    await this.stands.sql(
      `CREATE TABLE ${pipeline.tableName} (ID NUMBER(9,0) NOT NULL, NAME VARCHAR, EMAIL VARCHAR) CHANGE_TRACKING = TRUE`,
      `INSERT INTO ${pipeline.tableName} VALUES ${Array<string>(copies).fill(row).join()}`,
    );
    return pipeline.source;
  }

  /** Signed in by what is planted and right. */
  async config(sources: ResolvedSource[]): Promise<ResolvedConfig> {
    const { table } = this.stands;
    const base = (await this.stands.pipeline()).config;
    return {
      ...base,
      table: { name: table.name, endpoint: table.proxy.url, region: 'us-east-1' },
      snowflake: { ...base.snowflake, auth: { method: 'key-pair', secret: 'a-key' }, maskSalt: 'salt' },
      kafka: { ...base.kafka, auth: { method: 'plain', secret: 'kafka' }, requestTimeoutMs: 2_000 },
      limits: { ...base.limits, maxSnapshots: 9 },
      registry: this.registryWith('registry'),
      aws: { endpoint: this.server.url, bus: 'bus' },
      sources,
    };
  }

  /** The registry, signed in with that secret. */
  registryWith(secret: string): ResolvedConfig['registry'] {
    const { url } = this.registry;
    return { type: 'confluent', url, auth: { method: 'basic', secret }, subjects: 'topic', register: true };
  }
}

/** What Secrets Manager and EventBridge answer. */
export function secretOrEvents(target: string, input: Record<string, unknown>): object {
  if (target.endsWith('GetSecretValue'))
    return { ARN: 'arn', Name: input['SecretId'], SecretString: SECRETS[String(input['SecretId'])] };
  return { FailedEntryCount: 0, Entries: (input['Entries'] as object[]).map(() => ({ EventId: 'e' })) };
}
