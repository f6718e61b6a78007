/**
 * One request type of the protocol: how it is read, what it is about, how it is answered and how the answer is
 * written. `defineApi` ties the types of one together, so that the table of all of them needs none.
 */
import type { Broker } from './broker.ts';
import type { TopicPartition } from './partition-key.ts';
import type { Reader, Writer } from './wire.ts';

/** What a request is about, as far as its type says it. */
export type Facts = {
  transactionalId?: string;
  group?: string;
  topicPartitions?: TopicPartition[];
  /** EndTxn: true for a commit, false for an abort. */
  commit?: boolean;
};

/** What a coordinator is of. */
export type CoordinatorKind = 'group' | 'transaction';

/** The connection a request came over, and the node it came to. */
export type Caller = { node: number; clientId: string; authenticated: boolean; closed: AbortSignal };

/** Writes the body of a reply. `code` is the first error in it, 0 if there is none. */
export type Reply = { code: number; write(writer: Writer): void };

export type OpenRequest = {
  facts: Facts;
  /** Null: the client waits for no reply (acks = 0). */
  answer(broker: Broker, caller: Caller): Promise<Reply | null>;
  /** The reply with this error everywhere, nothing done. */
  fail(code: number): Reply;
};

export type Api = {
  key: number;
  name: string;
  versions: readonly [number, number];
  /** First version with tagged headers, if served. */
  flexibleFrom: number;
  /** Only the coordinator of its group or transactional id answers it. */
  coordinator: CoordinatorKind | null;
  open(reader: Reader, version: number): OpenRequest;
};

type Definition<Question, Answer> = {
  key: number;
  name: string;
  versions: readonly [number, number];
  flexibleFrom?: number;
  coordinator?: CoordinatorKind;
  read(reader: Reader, version: number): Question;
  facts?(question: Question): Facts;
  answer(question: Question, broker: Broker, caller: Caller): Answer | null | Promise<Answer | null>;
  fail(question: Question, code: number): Answer;
  /** First error in the answer, 0 if there is none. */
  code(answer: Answer): number;
  write(writer: Writer, answer: Answer, version: number): void;
};

export function defineApi<Question, Answer>(definition: Definition<Question, Answer>): Api {
  const { key, name, versions, flexibleFrom = Infinity, coordinator = null } = definition;
  const reply = (answer: Answer, version: number): Reply => ({
    code: definition.code(answer),
    write: (writer) => definition.write(writer, answer, version),
  });
  return {
    key,
    name,
    versions,
    flexibleFrom,
    coordinator,
    open: (reader, version) => {
      const question = definition.read(reader, version);
      return {
        facts: definition.facts?.(question) ?? {},
        answer: async (broker, caller) => {
          const answer = await definition.answer(question, broker, caller);
          return answer === null ? null : reply(answer, version);
        },
        fail: (code) => reply(definition.fail(question, code), version),
      };
    },
  };
}

/** First code that is not 0. */
export function firstCode(codes: Iterable<number>): number {
  for (const code of codes) if (code !== 0) return code;
  return 0;
}

export type PerTopic<T> = { topic: string; partitions: T[] };

export function flatPartitions<T extends { partition: number }>(topics: readonly PerTopic<T>[]): TopicPartition[] {
  return topics.flatMap(({ topic, partitions }) => partitions.map(({ partition }) => ({ topic, partition })));
}

/** Codes of all partitions in an answer, topic by topic. */
export function* partitionCodes(topics: readonly PerTopic<{ code: number }>[]): Generator<number> {
  for (const { partitions } of topics) for (const { code } of partitions) yield code;
}
