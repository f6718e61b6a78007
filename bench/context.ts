/** What the parts share: the static Snowflake, the brokers, the deployed functions; each started when first asked for. */
import type { Arguments } from './arguments.ts';
import { dataset, type Dataset } from './dataset.ts';
import { Deployment } from './deployment.ts';
import { startKafka, startShapedKafka, type Brokers, type ShapedKafka } from './kafka.ts';
import { runMeasured, startService, type Service } from './processes.ts';
import { queryIdOf } from './query-ids.ts';
import { timed, type Run } from './run.ts';
import type { TableName } from './tables.ts';

export type Served = Dataset & { index: number; queryId: string; address: string };

export class Context {
  readonly args: Arguments;
  readonly #say: (text: string) => void;
  readonly #served = new Map<string, Promise<Served>>();
  #server: Promise<Service> | null = null;
  #kafka: Promise<Brokers> | null = null;
  #shaped: Promise<ShapedKafka | null> | null = null;
  #deployment: Promise<Deployment> | null = null;

  constructor(args: Arguments, say: (text: string) => void) {
    this.args = args;
    this.#say = say;
  }

  /** Tells how far the benchmark is. */
  say(text: string): void {
    this.#say(text);
  }

  /** A result of so many rows, served by the static Snowflake as its folder has it now. */
  served(table: TableName, rows: number = this.args.rows): Promise<Served> {
    const key = `${table} ${rows}`;
    let served = this.#served.get(key);
    if (served === undefined) this.#served.set(key, (served = this.#serve(table, rows)));
    return served;
  }

  async #serve(table: TableName, rows: number): Promise<Served> {
    this.say(`making ${rows} rows of ${table}`);
    const made = await dataset(table, rows);
    const { line: address } = await (this.#server ??= startService(file('server.ts'), []));
    const reply = await fetch(`${address}/sets`, { method: 'POST', body: made.folder });
    const index = Number(await reply.text());
    return { ...made, index, queryId: queryIdOf(index), address };
  }

  kafka(): Promise<Brokers> {
    return (this.#kafka ??= startKafka(this.args.broker));
  }

  shapedKafka(): Promise<ShapedKafka | null> {
    return (this.#shaped ??= startShapedKafka(this.args.broker));
  }

  /** Deletes a topic that an earlier run may have left. */
  async deleteIfThere(topic: string): Promise<void> {
    const kafka = await this.kafka();
    await kafka.deleteTopic(topic).catch(() => undefined);
  }

  /** Which brokers these are. */
  async broker(): Promise<string> {
    return this.#kafka === null ? 'no broker' : (await this.#kafka).what;
  }

  async deployment(): Promise<Deployment> {
    return (this.#deployment ??= this.#deploy());
  }

  async #deploy(): Promise<Deployment> {
    const [{ address }, kafka] = await Promise.all([this.served('flights'), this.kafka()]);
    return Deployment.start(address, kafka);
  }

  /** One run of the floor: what stands before each run of something else. */
  floor(set: Served): Promise<Run> {
    return this.measured('floor.ts', [set.address, set.queryId]);
  }

  measured(name: string, args: readonly (string | number)[]): Promise<Run> {
    return timed(() => runMeasured(file(name), args.map(String)));
  }

  async close(): Promise<void> {
    await (await ended(this.#deployment))?.close();
    await (await ended(this.#shaped))?.kafka.stop();
    await (await ended(this.#kafka))?.stop();
    await (await ended(this.#server))?.stop();
  }
}

/** null for what was not started, or failed to. */
async function ended<T>(started: Promise<T> | null): Promise<T | null> {
  return started === null ? null : started.catch(() => null);
}

export function file(name: string): string {
  return new URL(name, import.meta.url).pathname;
}
