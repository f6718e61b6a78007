/** Schemas are where consumers look for them before a record is sent; what a registry says no to stops the source. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RecordFormat, ResolvedConfig, ResolvedRegistry, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import { signed } from '../../lambdas/encoding/registries/sigv4.ts';
import { ERRORS, type ErrorCode } from '../../lambdas/errors.ts';
import type { Column } from '../../lambdas/protocol/window.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import { GlueStandIn } from '../../local/registry/glue.ts';
import type { Answer } from '../../local/registry/server.ts';
import { decode, unframed } from './decode.ts';
import { batchOf, column, layout, now, windowOf, type Cell } from './records.ts';

const keys = { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret', sessionToken: 'token', region: 'eu-west-1' };
const columns: Column[] = [
  { name: 'ID', type: 'NUMBER', precision: 38, scale: 0, nullable: false },
  column('NAME', 'VARCHAR'),
];

let confluent: ConfluentStandIn;
let glue: GlueStandIn;
beforeEach(async () => {
  confluent = await ConfluentStandIn.start();
  glue = await GlueStandIn.start({ ...keys, registry: 'snowmelt' });
});
afterEach(async () => {
  await Promise.all([confluent.close(), glue.close()]);
});

type Settings = { format?: RecordFormat; key?: RecordFormat; envelope?: 'debezium' | 'flat' } & Partial<
  Pick<ResolvedRegistry, 'subjects' | 'register'>
>;

function encoders(kind: 'confluent' | 'glue', settings: Settings = {}, credentials: object | null = null) {
  const { format = 'avro', key = format, envelope = 'debezium', subjects = 'topic', register = true } = settings;
  const source = { name: 'flights', format: { type: format, key, envelope, tombstones: true } } as ResolvedSource;
  const registry: ResolvedRegistry =
    kind === 'confluent'
      ? { type: 'confluent', url: confluent.url, auth: { method: 'none' }, subjects, register }
      : { type: 'glue', name: 'snowmelt', region: null, endpoint: glue.url, subjects, register };
  const known = credentials ?? (kind === 'glue' ? keys : null);
  return createEncoders({ app: 'demo', registry } as ResolvedConfig, source, {
    credentials: known as typeof keys | null,
    now: () => now,
    pace: { timeoutMs: 1000, pauseMs: 5 },
  });
}

const cut = { ...layout, topic: 'shop.flights' };
const open = (kind: 'confluent' | 'glue', settings: Settings = {}, all = columns) =>
  encoders(kind, settings).forWindow(windowOf(all), cut, 1);

async function record(kind: 'confluent' | 'glue', settings: Settings, all: Column[], cells: Cell[]) {
  const encoder = await open(kind, settings, all);
  encoder.encode('c', null, 0, batchOf([cells]), 0, 1);
  const { bytes, keyStart, keyEnd, valueStart, valueEnd } = encoder;
  return { key: Buffer.from(bytes.slice(keyStart, keyEnd)), value: Buffer.from(bytes.slice(valueStart, valueEnd)) };
}

const failing = (code: ErrorCode, message = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error;
const versions = (subject: string) => confluent.subjects.get(subject)?.length ?? 0;

describe('registration', () => {
  test('once per schema and process, before a row is encoded', async () => {
    await open('confluent');
    const asked = confluent.heard.length;
    expect([...confluent.subjects.keys()].sort()).toEqual(['shop.flights-key', 'shop.flights-value']);
    await Promise.all([open('confluent'), open('confluent')]);
    expect(confluent.heard.length).toBe(asked);
  });

  test('side by side it is asked once, too', async () => {
    await Promise.all(Array.from({ length: 5 }, () => open('confluent')));
    expect(confluent.heard.filter(({ path }) => path.includes('-value'))).toHaveLength(1);
  });

  test.each([
    ['topic', ['shop.flights-key', 'shop.flights-value']],
    ['record', ['shop.flights.Envelope', 'shop.flights.Key']],
    ['topic-record', ['shop.flights-shop.flights.Envelope', 'shop.flights-shop.flights.Key']],
  ] as const)('subjects by %s', async (subjects, expected) => {
    for (const format of ['avro', 'protobuf'] as const) {
      confluent.subjects.clear();
      await open('confluent', { subjects, format });
      expect([...confluent.subjects.keys()].sort()).toEqual(expected);
    }
  });

  test('register: false takes what is there and stops at what is not', async () => {
    const only = { register: false } as const;
    await expect(open('confluent', only)).rejects.toThrow(failing('SCHEMA_REFUSED', /registry\.register/));
    await expect(open('glue', only)).rejects.toThrow(failing('SCHEMA_REFUSED', /registry\.register/));
    expect([confluent.subjects.size, glue.schemas.size]).toEqual([0, 0]);
    for (const kind of ['confluent', 'glue'] as const) {
      await open(kind);
      await open(kind, { ...only, envelope: 'debezium' }, [...columns]);
    }
  });

  test('a key in another format than the value', async () => {
    const { key, value } = await record('confluent', { key: 'json' }, columns, ['1', 'x']);
    expect(key.toString()).toBe('{"ID":"1"}');
    expect(decode('avro', value, confluent)).toMatchObject({ after: { NAME: 'x' } });
    expect([...confluent.subjects.keys()]).toEqual(['shop.flights-value']);
  });

  test('basic auth', async () => {
    await confluent.close();
    confluent = await ConfluentStandIn.start({ username: 'me', password: 'p:w' });
    await expect(open('confluent', { key: 'json' })).rejects.toThrow(failing('REGISTRY_UNAUTHORIZED'));
    await encoders('confluent', { key: 'json' }, { username: 'me', password: 'p:w' }).forWindow(
      windowOf(columns),
      cut,
      1,
    );
    expect(versions('shop.flights-value')).toBe(1);
  });

  test('Glue: a signature that is not right', async () => {
    const wrong = encoders('glue', {}, { ...keys, secretAccessKey: 'other' });
    await expect(wrong.forWindow(windowOf(columns), cut, 1)).rejects.toThrow(failing('REGISTRY_UNAUTHORIZED'));
  });
});

test('a truncation has subjects of its own, so that no row’s schema is touched', async () => {
  for (const format of ['avro', 'protobuf'] as const) {
    for (const envelope of ['debezium', 'flat'] as const) {
      confluent.subjects.clear();
      const topic = `shop.${format}.${envelope}`;
      const truncate = windowOf([], { kind: 'truncate' });
      const { key, value } = await encoders('confluent', { format, envelope }).truncation(truncate, { ...cut, topic });
      expect(decode(format, key, confluent)).toMatchObject({ __op: 't' });
      expect(decode(format, value, confluent)).toMatchObject(
        envelope === 'flat' ? { __op: 't' } : { op: 't', source: { table: 'FLIGHTS' } },
      );
      expect([...confluent.subjects.keys()].sort()).toEqual([`${topic}-truncation-key`, `${topic}-truncation-value`]);
    }
  }
  const inJson = await encoders('confluent', { format: 'json-with-schema' }).truncation(windowOf([]), cut);
  expect(decode('json-with-schema', inJson.key, null)).toEqual({ __op: 't' });
  expect(decode('json-with-schema', inJson.value, null)).toMatchObject({ op: 't', before: null, after: null });
});

describe('a schema that changes', () => {
  const added = [...columns, column('EXTRA', 'TIMESTAMP_NTZ', 9)];
  const retyped = [columns[0]!, column('NAME', 'BINARY')];

  test.each(['avro', 'protobuf'] as const)('%s: a column that may be NULL comes, and goes', async (format) => {
    await open('confluent', { format });
    const { value } = await record('confluent', { format }, added, ['1', 'x', '9999-12-31T00:00:00.000000001']);
    expect(decode(format, value, confluent)).toMatchObject({ after: { NAME: 'x' } });
    expect(versions('shop.flights-value')).toBe(2);
    const fewer = await record('confluent', { format }, [columns[0]!], ['1']);
    expect(decode(format, fewer.value, confluent)).toMatchObject({ after: {} });
  });

  test.each(['avro', 'protobuf'] as const)('%s: a NUMBER is widened, and made nullable', async (format) => {
    const number = (precision: number, nullable: boolean) => [
      ...columns,
      { ...column('COUNT', 'NUMBER', precision), scale: 0, nullable },
    ];
    await open('confluent', { format }, number(9, false));
    const { value } = await record('confluent', { format }, number(15, true), ['1', 'x', '123456789012345']);
    const count = (bytes: Buffer) => (decode(format, bytes, confluent) as { after: { COUNT?: unknown } }).after.COUNT;
    expect(String(count(value))).toBe('123456789012345');
    const none = await record('confluent', { format }, number(15, true), ['1', 'x', null]);
    expect(count(none.value) ?? null).toBeNull();
  });

  test('Protobuf: a column keeps its number, whatever comes before it or goes', async () => {
    const settings = { format: 'protobuf' } as const;
    const numbers = async (all: Column[], cells: Cell[]) => {
      const { value } = await record('confluent', settings, all, cells);
      const { schema } = unframed(value, confluent);
      const { after } = decode('protobuf', value, confluent) as { after: object };
      const fields = [...schema.matchAll(/optional \S+ ([A-Z]+) = (\d+)/g)];
      return [after, Object.fromEntries(fields.map(([, field, at]) => [field!, Number(at)]))] as const;
    };
    const [id, name] = columns as [Column, Column];
    const extra = column('EXTRA', 'VARCHAR');
    expect(await numbers(columns, ['1', 'x'])).toMatchObject([{ NAME: 'x' }, { ID: 1, NAME: 2 }]);
    expect(await numbers([extra, name, id], ['e', 'x', '1'])).toMatchObject([
      { EXTRA: 'e', NAME: 'x' },
      { ID: 1, NAME: 2, EXTRA: 3 },
    ]);
    expect(await numbers([id, extra], ['1', 'e'])).toMatchObject([{ EXTRA: 'e' }, { ID: 1, NAME: 2, EXTRA: 3 }]);
    expect(await numbers([id, extra, column('LAST', 'VARCHAR')], ['1', 'e', 'l'])).toMatchObject([
      { LAST: 'l' },
      { ID: 1, NAME: 2, EXTRA: 3, LAST: 4 },
    ]);
  });

  test.each([
    ['confluent', 'avro', [columns[0]!, column('NAME', 'BOOLEAN')]],
    ['confluent', 'avro', [...columns, { ...column('MUST', 'VARCHAR'), nullable: false }]],
    ['confluent', 'protobuf', [columns[0]!, column('NAME', 'DATE')]],
    ['glue', 'avro', [columns[0]!, column('NAME', 'BOOLEAN')]],
    ['glue', 'protobuf', [columns[0]!, column('NAME', 'DATE')]],
  ] as const)('%s, %s: what breaks its readers stops the source', async (kind, format, all) => {
    await open(kind, { format });
    await expect(open(kind, { format }, [...all])).rejects.toThrow(
      failing('SUBJECT_INCOMPATIBLE', /shop\.flights-value/),
    );
    expect(ERRORS.SUBJECT_INCOMPATIBLE.retry).toBe('operator');
    // The readers that were there can still read.
    expect(
      decode(format, (await record(kind, { format }, columns, ['1', 'x'])).value, kind === 'glue' ? glue : confluent),
    ).toMatchObject({ after: { NAME: 'x' } });
  });

  test('the way out: the rule of the subject is relaxed', async () => {
    await open('confluent');
    const flipped = [columns[0]!, column('NAME', 'BOOLEAN')];
    await expect(open('confluent', {}, flipped)).rejects.toThrow(failing('SUBJECT_INCOMPATIBLE'));
    confluent.levels.set('shop.flights-value', 'NONE');
    await open('confluent', {}, flipped);
    expect(versions('shop.flights-value')).toBe(2);
  });

  test('names that schemas do not know', async () => {
    const odd = [columns[0]!, column('a b', 'VARCHAR'), column('1é"', 'VARCHAR')];
    const { value } = await record('confluent', {}, odd, ['1', 'x', 'y']);
    expect(decode('avro', value, confluent)).toMatchObject({ after: { a_u0020b: 'x', _u0031_u00e9_u0022: 'y' } });
    await record('confluent', { format: 'protobuf', subjects: 'record' }, odd, ['1', 'x', 'y']);
    const twice = [columns[0]!, column('a b', 'VARCHAR'), column('a_u0020b', 'VARCHAR')];
    await expect(open('confluent', {}, twice)).rejects.toThrow(failing('NAME_TAKEN', /a_u0020b/));
  });

  test('a NULL where a column is NOT NULL is told by its name', async () => {
    await expect(record('confluent', {}, columns, [null, 'x'])).rejects.toThrow(failing('VALUE_UNFIT', /ID/));
  });

  test('retyped to what Protobuf writes alike is read alike', async () => {
    await open('confluent', { format: 'protobuf' });
    await open('confluent', { format: 'protobuf' }, retyped);
    expect(versions('shop.flights-value')).toBe(2);
  });
});

describe('a registry that fails', () => {
  const status = (code: number, body: object = { message: 'no' }): Answer => ({ status: code, body });
  const throttled: Answer = { status: 400, body: { __type: 'ThrottlingException', Message: 'slow down' } };

  test.each([
    ['down', 'down'],
    ['429', status(429)],
    ['503', status(503)],
  ] as const)('for a moment: %s', async (_, kind) => {
    for (const registry of [confluent, glue]) registry.fault = { kind, times: 2 };
    await Promise.all([open('confluent', { key: 'json' }), open('glue', { key: 'json' })]);
    expect([versions('shop.flights-value'), glue.schemas.size]).toEqual([1, 1]);
  });

  test('Glue throttles for a moment', async () => {
    glue.fault = { kind: throttled, times: 2 };
    await open('glue', { key: 'json' });
    expect(glue.schemas.size).toBe(1);
  });

  test.each([
    ['down', 'down', 'REGISTRY_UNREACHABLE'],
    ['429', status(429), 'REGISTRY_UNREACHABLE'],
    ['503', status(503), 'REGISTRY_UNREACHABLE'],
    ['a page of a proxy', status(200, []), 'REGISTRY_UNREACHABLE'],
    ['404 of something else', status(404), 'REGISTRY_UNREACHABLE'],
    ['403', status(403), 'REGISTRY_UNAUTHORIZED'],
    ['409', status(409), 'SUBJECT_INCOMPATIBLE'],
    ['422', status(422), 'SCHEMA_REFUSED'],
  ] as const)('for long: %s, then it is well again', async (_, kind, code) => {
    confluent.fault = { kind, times: Infinity };
    await expect(open('confluent', { key: 'json' })).rejects.toThrow(failing(code));
    confluent.fault = null;
    await open('confluent', { key: 'json' });
    expect(versions('shop.flights-value')).toBe(1);
  });

  test('of what it says a code and one short line are told', async () => {
    const said = { error_code: 42201, message: 'no\nsecond', detail: 'third' };
    confluent.fault = { kind: status(422, said), times: 1 };
    await expect(open('confluent', { key: 'json' })).rejects.toThrow(failing('SCHEMA_REFUSED', /: 422 42201 no$/));
    confluent.fault = { kind: status(422, { message: 'x'.repeat(9_000) }), times: 1 };
    await expect(open('confluent', { key: 'json' })).rejects.toThrow(failing('SCHEMA_REFUSED', /^.{10,600}$/));
  });

  test('an answer that does not come', async () => {
    confluent.fault = { kind: 'slow', times: 1 };
    await open('confluent', { key: 'json' });
    expect(confluent.heard).toHaveLength(2);
  });

  test('Glue: another process creates the schema first', async () => {
    const first = glue.heard.length;
    await Promise.all([
      open('glue', { key: 'json' }),
      open('glue', { key: 'json' }, [...columns, column('X', 'DATE')]),
    ]);
    expect(glue.schemas.get('shop.flights-value')!.versions).toHaveLength(2);
    expect(glue.heard.length).toBeGreaterThan(first);
  });
});

test('Signature Version 4, by the example of its documentation', () => {
  const headers = signed(
    { service: 'service', region: 'us-east-1', host: 'example.amazonaws.com' },
    { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', sessionToken: null },
    {},
    '',
    new Date('2015-08-30T12:36:00Z'),
  );
  expect(headers['authorization']).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, ' +
      'Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  );
});
