/** Every type in every format, envelope and registry: what a consumer decodes is what was sent, and as much of it. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Credentials, RecordFormat, ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import { types } from '../../lambdas/encoding/types.ts';
import type { Op } from '../../lambdas/protocol/ports/records.ts';
import type { Column } from '../../lambdas/protocol/window.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { GlueStandIn } from '../../local/registry/glue.ts';
import { decode, textOf, type Decoded, type Registry } from './decode.ts';
import { batchOf, layout, now, to, windowOf, type Cell } from './records.ts';
import { same, samples } from './samples.ts';

const glueKeys = { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret' };
let confluent: ConfluentStandIn;
let glue: GlueStandIn;

beforeAll(async () => {
  confluent = await ConfluentStandIn.start();
  glue = await GlueStandIn.start({ registry: 'snowmelt', region: 'eu-central-1', ...glueKeys });
});
afterAll(async () => {
  await Promise.all([confluent.close(), glue.close()]);
});

type Place = { name: string; format: RecordFormat; registry: 'confluent' | 'glue' | null };
const places: Place[] = [
  { name: 'json', format: 'json', registry: null },
  { name: 'json-with-schema', format: 'json-with-schema', registry: null },
  { name: 'avro, confluent', format: 'avro', registry: 'confluent' },
  { name: 'avro, glue', format: 'avro', registry: 'glue' },
  { name: 'protobuf, confluent', format: 'protobuf', registry: 'confluent' },
  { name: 'protobuf, glue', format: 'protobuf', registry: 'glue' },
];
const envelopes = ['debezium', 'flat'] as const;
const id: Column = { name: 'ID', type: 'NUMBER', precision: 38, scale: 0, nullable: false };
/** Of types whose text is canonical. */
const noKey = ['FLOAT', 'DECFLOAT', 'VECTOR', 'GEOGRAPHY', 'GEOMETRY'];

function reading({ registry }: Place): { config: ResolvedConfig; credentials: Credentials | null; from: Registry } {
  const common = { subjects: 'topic', register: true } as const;
  const resolved = {
    confluent: () => ({ ...common, type: 'confluent' as const, url: confluent.url, auth: { method: 'none' as const } }),
    glue: () => ({ ...common, type: 'glue' as const, name: 'snowmelt', region: 'eu-central-1', endpoint: glue.url }),
  };
  const config = { app: 'demo', registry: registry === null ? null : resolved[registry]() } as ResolvedConfig;
  const credentials = registry === 'glue' ? { ...glueKeys, sessionToken: null, region: null } : null;
  return { config, credentials, from: registry === null ? null : registry === 'glue' ? glue : confluent };
}

const columns: Column[] = [id, ...samples.map(({ column }, at) => ({ ...column, name: `V${at}` }))];
const key = columns.filter(({ type }) => !noKey.includes(type) && !/JSON|VARIANT|OBJECT|ARRAY|MAP/.test(type));
const rounds = Math.max(...samples.map(({ texts }) => texts.length)) + 1;

/** Row `round`: each column's text of that number, NULL after the last one. */
function rowOf(round: number): Cell[] {
  return [String(round), ...samples.map(({ texts }) => (round < texts.length ? texts[round]! : null))];
}

type Count = { sent: number; equal: number };

/** Sends each text by each op, with the text before it as the image before; of each column what was sent, and what was equal. */
async function roundTrips(place: Place, envelope: 'debezium' | 'flat'): Promise<Count[]> {
  const { config, credentials, from } = reading(place);
  const { format } = place;
  const flat = envelope === 'flat';
  const source = { name: 'all', format: { type: format, key: format, envelope, tombstones: true } } as ResolvedSource;
  const encoders = createEncoders(config, source, { credentials, now: () => now });
  const cut = { ...layout, topic: `${format}.${envelope}`, key: key.map(({ name }) => name) };
  const encoder = await encoders.forWindow(windowOf(columns), cut, 1);
  const counts = columns.map(() => ({ sent: 0, equal: 0 }));
  const equal = (row: Decoded | undefined | null, cells: Cell[] | null, at: number) => {
    const { name, type } = columns[at]!;
    if (cells === null) return row === null || row === undefined;
    return same(type, textOf(format, columns[at]!, row?.[name]), cells[at]!);
  };
  for (let round = 0; round < rounds; round++) {
    for (const op of ['c', 'u', 'd', 'r'] satisfies Op[]) {
      const before = op === 'u' || op === 'd' ? rowOf((round + 1) % rounds) : null;
      const after = op === 'd' ? null : rowOf(round);
      encoder.encode(op, before && batchOf([before]), 0, after && batchOf([after]), 0, round + 1);
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = encoder;
      const value = decode(format, bytes.subarray(valueStart, valueEnd), from);
      const keyed = decode(format, bytes.subarray(keyStart, keyEnd), from);
      const source = value['source'] as Decoded | undefined;
      const about = flat
        ? [value['__op'], number(value['__row']), number(value['__window']), number(value['__ts_ms'])]
        : [value['op'], number(source?.['row']), number(source?.['window']), number(value['ts_ms'])];
      expect(about).toEqual([op, round + 1, 7, now]);
      if (flat) expect(value['__deleted'] ?? false).toBe(op === 'd');
      else expect([number(source?.['ts_ms']), source?.['ts_of']]).toEqual([Date.parse(to), 'window']);
      for (const [at, column] of columns.entries()) {
        const images = flat
          ? equal(value, after ?? before, at)
          : equal(value['before'] as Decoded, before, at) && equal(value['after'] as Decoded, after, at);
        const inKey = !key.includes(column) || equal(keyed, after ?? before, at);
        counts[at]!.sent++;
        if (images && inKey) counts[at]!.equal++;
      }
    }
  }
  return counts;
}

function number(value: unknown): number {
  return Number((value as { digits?: string } | null | undefined)?.digits ?? value);
}

test('a matrix of types, formats and envelopes: decoded = sent', async () => {
  const lines = columns.map(({ type, precision, scale }) => {
    const size = [precision, scale].filter((part) => part !== null).join(',');
    return `${type}${size === '' ? '' : `(${size})`}`.padEnd(18);
  });
  const wrong: string[] = [];
  for (const place of places) {
    for (const envelope of envelopes) {
      for (const [at, { sent, equal }] of (await roundTrips(place, envelope)).entries()) {
        lines[at] += `${equal}/${sent}`.padStart(9);
        if (sent === 0 || equal !== sent) wrong.push(`${lines[at]!.split(' ')[0]} ${place.name} ${envelope}`);
      }
    }
  }
  const head = places.map(({ name }) => name.padStart(18)).join('');
  console.log(`decoded/sent, debezium and flat\n${' '.repeat(18)}${head}\n${lines.join('\n')}`);
  expect(wrong).toEqual([]);
  expect([...new Set(samples.map(({ column }) => column.type))].sort()).toEqual(Object.keys(types).sort());
});
