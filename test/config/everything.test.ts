import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../lambdas/config/load.ts';
import { presetNames, presetQuery, preset } from '../../lambdas/config/presets.ts';
import { recordFormats, queryModes, envelopes, changeKinds } from '../../lambdas/config/schema.ts';

const path = join(import.meta.dirname, '../../config/everything.yaml');
const { sources } = loadConfig(readFileSync(path, 'utf8'), { path });

test('config/everything.yaml has a source of every capture, mode, preset, format and envelope', () => {
  const tables = sources.filter(({ query, stream }) => query === undefined && stream === undefined);
  expect(new Set(tables.map(({ information }) => information)).size).toBe(changeKinds.length);
  const has = (list: readonly string[]) => expect.arrayContaining([...list]) as string[];
  expect(tables.map(({ format }) => format.type)).toEqual(has(recordFormats));
  expect(tables.map(({ format }) => format.key)).toEqual(has(recordFormats));
  expect(tables.map(({ format }) => format.envelope)).toEqual(has(envelopes));
  const streams = sources.flatMap(({ stream, information }) =>
    stream ? [{ managed: stream.managed, information }] : [],
  );
  expect(new Set(streams.map(({ managed }) => managed)).size).toBe(2);
  expect(new Set(streams.map(({ information }) => information)).size).toBe(changeKinds.length);
  const texts = sources.map(({ query }) => query?.text ?? '');
  expect(texts).toEqual(has(presetNames.map((name) => presetQuery(preset(name)))));
  const own = sources.filter(({ query }) => query !== undefined && !query.text.includes('SNOWFLAKE.'));
  expect(own.map(({ query }) => query!.mode)).toEqual(has(queryModes));
});
