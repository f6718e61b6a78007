import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { forbidden, importsOf, specifiers } from './arrows.ts';

const root = join(import.meta.dirname, '../..');
const all = importsOf(root);

test('no import goes against the arrows', () => {
  expect(all.length).toBeGreaterThan(100);
  expect(forbidden(all)).toEqual([]);
});

test('the product does not know stand-ins, tests and tools', () => {
  expect(all.filter(({ to }) => /^(local|test|scripts|bench)\//.test(to))).toEqual([]);
});

describe('the rules', () => {
  test.each([
    ['lambdas/protocol/plan.ts', 'lambdas/snowflake/gate.ts'],
    ['lambdas/protocol/plan.ts', 'lambdas/config/resolved.ts'],
    ['lambdas/protocol/plan.ts', 'node:fs'],
    ['lambdas/kafka/client.ts', 'lambdas/protocol/reconcile.ts'],
    ['lambdas/kafka/client.ts', 'lambdas/checkpoints/store.ts'],
    ['lambdas/kafka/client.ts', 'snowflake-sdk'],
    ['lambdas/snowflake/reader.ts', 'node:fs'],
    ['lambdas/snowflake/reader.ts', 'kafkajs'],
    ['lambdas/encoding/json.ts', 'node:http'],
    ['lambdas/aws/events.ts', '@aws-sdk/client-dynamodb'],
    ['lambdas/checkpoints/store.ts', '@aws-sdk/client-eventbridge'],
    ['lambdas/plan/index.ts', '@aws-sdk/client-dynamodb'],
    ['lambdas/plan/index.ts', 'node:fs'],
    ['lambdas/plan/index.ts', 'local/main.ts'],
    ['infra/stack.ts', 'lambdas/kafka/client.ts'],
    ['infra/cost.ts', 'aws-cdk-lib'],
    ['infra/statements.ts', 'infra/permissions.ts'],
    ['cli/init.ts', 'infra/stack.ts'],
    ['elsewhere/x.ts', 'node:fs'],
  ])('refuse %s -> %s', (from, to) => {
    expect(forbidden([{ from, to }])).toEqual([`${from} -> ${to}`]);
  });

  test.each([
    ['lambdas/plan/index.ts', 'lambdas/kafka/client.ts'],
    ['lambdas/kafka/client.ts', 'kafkajs/src/errors.js'],
    ['lambdas/kafka/client.ts', 'lambdas/protocol/ports/kafka.ts'],
    ['lambdas/kafka/client.ts', 'lambdas/kafka/marker.ts'],
    ['lambdas/encoding/registries/glue.ts', 'node:https'],
    ['lambdas/config/load.ts', 'node:fs'],
    ['cli/init.ts', 'infra/cost.ts'],
  ])('allow %s -> %s', (from, to) => {
    expect(forbidden([{ from, to }])).toEqual([]);
  });
});

test('every way to import is seen', () => {
  const text = `
    import a from 'a'; import 'b'; import type { C } from 'c'; export * from 'd'; export { e } from "e";
    const f = await import('f'); type G = import('g').G; const h = require('h');
    const i = createRequire(import.meta.url)('i'); const j = await import(name); // import 'k'`;
  expect(specifiers(text)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', '(computed)']);
});

test('every folder of lambdas has its place in the design', () => {
  const folders = readdirSync(join(root, 'lambdas'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  const handlers = ['plan', 'publish', 'operate', 'recount'];
  const rooms = ['protocol', 'snowflake', 'kafka', 'checkpoints', 'encoding', 'config', 'aws'];
  expect(folders.filter((name) => ![...handlers, ...rooms].includes(name))).toEqual([]);
});
