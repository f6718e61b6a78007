/** What was sent as Avro or Protobuf is read back as the texts that Snowflake gave, by schemas that the registries hand out. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Credentials, ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import { readersOf } from '../../lambdas/encoding/read-back.ts';
import type { Column } from '../../lambdas/protocol/window.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { GlueStandIn } from '../../local/registry/glue.ts';
import { batchOf, layout, now, windowOf, type Cell } from './records.ts';
import { samples } from './samples.ts';

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

const column = (name: string, type: string, precision: number | null, scale: number | null): Column => {
  return { name, type, precision, scale, nullable: false };
};
const key = [
  column('id', 'NUMBER', 38, 0),
  column('Day "x"', 'DATE', null, null),
  column('AT', 'TIMESTAMP_NTZ', 9, null),
  column('MILLIS', 'TIMESTAMP_NTZ', 3, null),
  column('PRICE', 'NUMBER', 10, 2),
  column('HASH', 'BINARY', null, null),
];
const keyOf = (round: number) => [
  String(round),
  '2026-01-31',
  '2026-01-31T23:59:59.123456789',
  '1969-12-31T23:59:59.999000000',
  '-0.50',
  '/+//',
];
const columns: Column[] = [...key, ...samples.map((each, at) => ({ ...each.column, name: `V${at}` }))];
const rounds = Math.max(...samples.map(({ texts }) => texts.length)) + 1;
const rowOf = (round: number): Cell[] => [...keyOf(round), ...samples.map(({ texts }) => texts[round] ?? null)];

const cases = (['avro', 'protobuf', 'json-with-schema'] as const).flatMap((format) =>
  (['confluent', 'glue'] as const).flatMap((registry) =>
    (['debezium', 'flat'] as const).map((envelope) => ({ format, registry, envelope })),
  ),
);

test.each(cases)('$format, $registry, $envelope', async ({ format, registry, envelope }) => {
  const common = { subjects: 'topic', register: true } as const;
  const config = {
    app: 'demo',
    registry:
      registry === 'glue'
        ? { ...common, type: 'glue', name: 'snowmelt', region: 'eu-central-1', endpoint: glue.url }
        : { ...common, type: 'confluent', url: confluent.url, auth: { method: 'none' } },
  } as ResolvedConfig;
  const credentials: Credentials | null =
    registry === 'glue' ? { ...glueKeys, sessionToken: null, region: null } : null;
  const source = { name: 'all', format: { type: format, key: format, envelope, tombstones: true } } as ResolvedSource;
  const encoders = createEncoders(config, source, { credentials, now: () => now });
  const cut = { ...layout, topic: `${format}.${envelope}`, key: key.map(({ name }) => name) };
  const window = windowOf(columns);
  const encoder = await encoders.forWindow(window, cut, 1);
  const { keys, values } = readersOf(config, source, columns, cut.key, credentials);
  const images = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const batch = batchOf([rowOf(round)]);
    for (const op of ['c', 'd'] as const) {
      encoder.encode(op, op === 'd' ? batch : null, 0, op === 'd' ? null : batch, 0, round + 1);
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = encoder;
      await keys.missing(bytes, keyStart, keyEnd);
      await values.missing(bytes, valueStart, valueEnd);
      expect(keys.missing(bytes, keyStart, keyEnd)).toBeUndefined();
      expect(keys.texts(bytes, keyStart, keyEnd)).toEqual(keyOf(round));
      const encoded = bytes.subarray(keyStart, keyEnd);
      expect(keys.identity(bytes, keyStart, keyEnd)).toEqual(keys.identityOfRow(encoded, batch, 0));
      const read = values.read(bytes, valueStart, valueEnd);
      const image = op === 'd' ? null : values.imageOfRow(bytes, valueStart, valueEnd, batch, 0);
      expect(read).toEqual({ op, window: 7, row: round + 1, image });
      if (image !== null) images.add(image);
      // Cut short, or of another schema, it is nothing that this source writes.
      expect(values.read(bytes, valueStart, valueEnd - 1)).toBeNull();
      expect(values.read(bytes, valueStart + 1, valueEnd)).toBeNull();
    }
  }
  expect(images.size).toBe(rounds);

  const gone = batchOf([[...keyOf(1), ...samples.map(() => null)]]);
  encoder.encode('d', gone, 0, null, 0, 1, true);
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = encoder;
  expect(keys.texts(bytes, keyStart, keyEnd)).toEqual(keyOf(1));
  expect(values.read(bytes, valueStart, valueEnd)).toMatchObject({ op: 'd', image: null });

  const emptied = await encoders.truncation(windowOf([], { kind: 'truncate' }), cut);
  await values.missing(emptied.value, 0, emptied.value.length);
  expect(values.read(emptied.value, 0, emptied.value.length)).toMatchObject({ op: 't', window: 7, row: 1 });
  const foreign = Buffer.from('no header that any registry knows');
  await values.missing(foreign, 0, foreign.length);
  expect(values.read(foreign, 0, foreign.length)).toBeNull();
});
