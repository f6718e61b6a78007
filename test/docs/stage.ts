/**
 * Where transcripts are run: the stand-ins, with one deployment that `--local` finds, named as in the documents. What a command acts on
 * is made by scenes (scenes.ts); its page begins with one that makes all anew.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTable, type TestTable } from '../checkpoints/table.ts';
import { startOperate } from '../cli/operate-endpoint.ts';
import { configFor, LocalDeployment, program } from '../cli/snowmelt.ts';
import { sourceOn, Stands, type Pipeline } from '../faults/pipeline.ts';

/** The command as it is printed, in a shell as a person has one. */
const SHELL = 'npx() { shift; "$NODE" "$PROGRAM" "$@"; }; exec 2>&1; cd "$FOLDER"; (exit "$LAST")';

export const TOPIC = 'shop.orders';
const CONTROL = 'shop.control';
export const TABLE = 'SALES.PUBLIC.ORDERS';

export class Stage {
  readonly stands: Stands;
  readonly #operate: Awaited<ReturnType<typeof startOperate>>;
  readonly #local = new LocalDeployment();
  #pipeline: Pipeline | null = null;
  #table: TestTable | null = null;
  #last = 0;

  private constructor(stands: Stands, operate: Awaited<ReturnType<typeof startOperate>>) {
    this.stands = stands;
    this.#operate = operate;
  }

  static async start(): Promise<Stage> {
    const stands = await Stands.start();
    await stands.sql('CREATE DATABASE SALES');
    const stage: Stage = new Stage(stands, await startOperate(() => stage.#local.path));
    return stage;
  }

  async stop(): Promise<void> {
    await this.#table?.close();
    await Promise.all([this.#operate.close(), this.stands.stop()]);
    this.#local.remove();
  }

  get pipeline(): Pipeline {
    if (this.#pipeline === null) throw new Error('a page begins with a scene that deploys');
    return this.#pipeline;
  }

  /** Source orders in two partitions, with a table of eight rows and a topic of three partitions, and nothing of an earlier one. */
  async deploy(): Promise<void> {
    await this.#forget();
    await this.stands.sql(
      `CREATE OR REPLACE TABLE ${TABLE} (ORDER_ID NUMBER(38,0) NOT NULL PRIMARY KEY, STATUS VARCHAR) CHANGE_TRACKING = TRUE`,
      `INSERT INTO ${TABLE} VALUES ${[1, 2, 3, 4, 5, 6, 7, 8].map((id) => `(${id}, 'new')`).join(', ')}`,
    );
    await this.makeTopic(TOPIC, 3);
    await this.makeTopic(CONTROL, 2);
    const object = { database: 'SALES', schema: 'PUBLIC', name: 'ORDERS' };
    const source = { ...sourceOn('orders', object, TOPIC), key: ['ORDER_ID'] };
    this.#table = await startTable();
    this.#pipeline = await this.stands.pipeline({
      source,
      table: this.#table,
      kafka: { controlTopic: CONTROL, topicChecks: 'strict' },
    });
    Object.assign(this.#pipeline.config, { app: 'shop' });
    this.redeploy();
  }

  /** As `npx cdk deploy` does, with the configuration as it is now. */
  redeploy(): void {
    this.#local.deploy(configFor(this.pipeline, this.#operate.url));
  }

  async makeTopic(topic: string, numPartitions: number): Promise<void> {
    const configEntries = [{ name: 'min.insync.replicas', value: '2' }];
    const topics = [{ topic, numPartitions, replicationFactor: 3, configEntries }];
    await this.stands.kafka.admin.createTopics({ topics, waitForLeaders: true });
  }

  async #forget(): Promise<void> {
    const { admin } = this.stands.kafka;
    const { groups } = await admin.listGroups();
    const ids = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith('snowmelt:shop:'));
    if (ids.length > 0) await admin.deleteGroups(ids);
    // With the control topic the offsets of a group go, and the group with its last offset.
    const old = (await admin.listTopics()).filter((topic) => topic.startsWith('shop.'));
    if (old.length > 0) await admin.deleteTopics({ topics: old });
    await this.#table?.close();
    rmSync(join(this.#local.folder, 'work'), { recursive: true, force: true });
    mkdirSync(join(this.#local.folder, 'work'));
  }

  /** A file where commands are run. */
  write(name: string, text: string): void {
    writeFileSync(join(this.#local.folder, 'work', name), text);
  }

  /** What it prints, in a folder that the page has to itself. */
  run(command: string): Promise<string> {
    const env = {
      PATH: process.env['PATH'],
      NODE: process.execPath,
      PROGRAM: program,
      FOLDER: join(this.#local.folder, 'work'),
      TMPDIR: this.#local.folder,
      LAST: String(this.#last),
    };
    return new Promise((resolve) => {
      execFile('sh', ['-c', `${SHELL}\n${command}`], { env }, (error, stdout) => {
        this.#last = error === null ? 0 : Number(error.code);
        resolve(stdout);
      });
    });
  }
}
