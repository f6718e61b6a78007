/** Gives rights as `kafka-acls.sh` does, from the lines that are rendered for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaConnection } from '../../local/kafka/requests.ts';
import type { Writer } from '../../local/kafka/wire.ts';

type Acl = { principal: string; kind: number; name: string; pattern: number; operation: number };

const KINDS = new Map([
  ['topic', 2],
  ['group', 3],
  ['cluster', 4],
  ['transactional-id', 5],
]);
const OPERATIONS = new Map([
  ['Read', 3],
  ['Write', 4],
  ['Create', 5],
  ['Describe', 8],
  ['DescribeConfigs', 10],
  ['IdempotentWrite', 12],
]);
const LITERAL = 3;
const PREFIXED = 4;
const ALLOW = 3;
const CREATE_ACLS = 30;
const DESCRIBE_ACLS = 29;
const WAIT_MS = 10_000;

/** One line a resource, as infra/kafka-acls.ts renders it. @throws Error for anything else */
export function parseAcls(line: string): Acl[] {
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
  const found: Partial<Acl> = { pattern: LITERAL };
  const operations: number[] = [];
  while (words.length > 0) {
    const option = words.shift()!.replace(/^--/, '');
    if (option === 'add') continue;
    if (option === 'cluster') Object.assign(found, { kind: KINDS.get(option), name: 'kafka-cluster' });
    else if (KINDS.has(option)) Object.assign(found, { kind: KINDS.get(option), name: words.shift() });
    else if (option === 'allow-principal') found.principal = words.shift()!;
    else if (option === 'operation') operations.push(known(OPERATIONS, words.shift()!));
    else if (option === 'resource-pattern-type' && words.shift() === 'prefixed') found.pattern = PREFIXED;
    else throw new Error(`not understood: --${option} in ${line}`);
  }
  return operations.map((operation) => ({ ...(found as Omit<Acl, 'operation'>), operation }));
}

/** Resolves when each of the brokers knows them. */
export async function createAcls(brokers: readonly string[], lines: readonly string[]): Promise<void> {
  const acls = lines.flatMap(parseAcls);
  using first = await KafkaConnection.open(brokers[0]!);
  const reply = await first.request(CREATE_ACLS, 1, (writer) => {
    writer.array(acls, ({ kind, name, pattern, principal, operation }) => {
      writer.int8(kind).string(name).int8(pattern).string(principal).string('*').int8(operation).int8(ALLOW);
    });
  });
  reply.int32();
  const failed = reply.array(() => [reply.int16(), reply.nullableString()] as const).filter(([code]) => code !== 0);
  if (failed.length > 0) throw new Error(`CreateAcls: ${JSON.stringify(failed)}`);
  await Promise.all(brokers.map((broker) => untilKnown(broker, acls)));
}

async function untilKnown(broker: string, acls: readonly Acl[]): Promise<void> {
  using connection = await KafkaConnection.open(broker);
  const deadline = Date.now() + WAIT_MS;
  for (const acl of acls) {
    while (!(await knows(connection, acl))) {
      if (Date.now() > deadline) throw new Error(`${broker} does not know ${JSON.stringify(acl)}`);
      await sleep(5);
    }
  }
}

/** DescribeAcls v1, filtered down to the one. */
async function knows(connection: KafkaConnection, acl: Acl): Promise<boolean> {
  const { kind, name, pattern, principal, operation } = acl;
  const filter = (writer: Writer) =>
    void writer.int8(kind).string(name).int8(pattern).string(principal).string('*').int8(operation).int8(ALLOW);
  const reply = await connection.request(DESCRIBE_ACLS, 1, filter);
  reply.int32();
  const code = reply.int16();
  if (code !== 0) throw new Error(`DescribeAcls: code ${String(code)}, ${reply.nullableString() ?? ''}`);
  reply.nullableString();
  return reply.array(() => reply.int8()).length > 0;
}

function known(of: Map<string, number>, name: string): number {
  const number = of.get(name);
  if (number === undefined) throw new Error(`no operation ${name}`);
  return number;
}
