import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { jsonSchema } from '../../lambdas/config/json-schema.ts';
import { withSettings } from '../../scripts/settings-list.ts';

const root = join(import.meta.dirname, '../..');

test('config/schema.json is current (npm run schema)', () => {
  expect(readFileSync(join(root, 'config/schema.json'), 'utf8')).toBe(jsonSchema());
});

test('so is the list in docs/configuration.md', () => {
  const page = readFileSync(join(root, 'docs/configuration.md'), 'utf8');
  expect(page).toContain('`sources.<name>.topic.partitions` (required)');
  expect(withSettings(page, jsonSchema())).toBe(page);
});

test('the JSON Schema knows defaults as users write them, patterns and unknown keys', () => {
  const { properties, additionalProperties } = JSON.parse(jsonSchema()) as {
    properties: Record<string, { properties: Record<string, object>; propertyNames: object }>;
    additionalProperties: boolean;
  };
  expect(additionalProperties).toBe(false);
  expect(properties['clocks']!.properties['lease']).toMatchObject({ type: 'string', default: '60s' });
  expect(properties['sources']!.propertyNames).toMatchObject({ pattern: '^[a-z][a-z0-9-]{0,59}$' });
});
