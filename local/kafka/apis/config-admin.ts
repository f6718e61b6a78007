import { defineApi, firstCode } from '../api.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';
import { brokerConfigs, topicConfigs } from '../configs.ts';
import type { ConfigValue } from '../configs.ts';

const TOPIC = 2;
const BROKER = 4;
/** Where a value comes from, in DescribeConfigs v1 and later. */
const SET_ON_TOPIC = 1;
const SET_ON_BROKER = 4;
const DEFAULT = 5;

type Resource = { type: number; name: string };
type Described = Resource & { code: number; values: [string, ConfigValue][] };

export const describeConfigs = defineApi<(Resource & { names: string[] | null })[], Described[]>({
  key: 32,
  name: 'DescribeConfigs',
  versions: [0, 2],
  read: (reader) =>
    reader.array(() => ({
      type: reader.int8(),
      name: reader.string(),
      names: reader.nullableArray(() => reader.string()),
    })),
  answer: (resources, broker) =>
    resources.map(({ type, name, names }) => {
      const values = valuesOf(broker, { type, name });
      if (values === null) return { type, name, code: CODE.UNKNOWN_TOPIC_OR_PARTITION, values: [] };
      return {
        type,
        name,
        code: CODE.NONE,
        values: [...values].filter(([key]) => names === null || names.includes(key)),
      };
    }),
  fail: (resources, code) => resources.map(({ type, name }) => ({ type, name, code, values: [] })),
  code: (answer) => firstCode(answer.map((resource) => resource.code)),
  write: (writer, answer, version) => {
    writer.int32(0).array(answer, ({ code, type, name, values }) => {
      writer.int16(code).string(null).int8(type).string(name);
      writer.array(values, ([key, { value, isSet }]) => {
        writer.string(key).string(value).boolean(false);
        if (version === 0) writer.boolean(!isSet);
        else writer.int8(isSet ? (type === TOPIC ? SET_ON_TOPIC : SET_ON_BROKER) : DEFAULT);
        writer.boolean(false);
        if (version >= 1) writer.array([], () => undefined);
      });
    });
  },
});

/** Replaces all values set on a topic. */
export const alterConfigs = defineApi<
  { resources: (Resource & { values: [string, string][] })[]; validateOnly: boolean },
  (Resource & { code: number })[]
>({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 1],
  read: (reader) => ({
    resources: reader.array(() => ({
      type: reader.int8(),
      name: reader.string(),
      values: reader.array((): [string, string] => [reader.string(), reader.string()]),
    })),
    validateOnly: reader.boolean(),
  }),
  answer: ({ resources, validateOnly }, broker) =>
    resources.map(({ type, name, values }) => {
      if (type !== TOPIC) return { type, name, code: CODE.INVALID_REQUEST };
      const topic = broker.topics.get(name);
      if (topic === undefined) return { type, name, code: CODE.UNKNOWN_TOPIC_OR_PARTITION };
      if (!validateOnly) topic.configs = new Map(values);
      return { type, name, code: CODE.NONE };
    }),
  fail: ({ resources }, code) => resources.map(({ type, name }) => ({ type, name, code })),
  code: (answer) => firstCode(answer.map((resource) => resource.code)),
  write: (writer, answer) => {
    writer.int32(0).array(answer, ({ code, type, name }) => writer.int16(code).string(null).int8(type).string(name));
  },
});

function valuesOf(broker: Broker, { type, name }: Resource): Map<string, ConfigValue> | null {
  if (type === BROKER) return brokerConfigs(broker);
  const topic = type === TOPIC ? broker.topics.get(name) : undefined;
  return topic === undefined ? null : topicConfigs(broker, topic);
}
