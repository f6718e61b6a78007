import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { types } from '../../lambdas/encoding/types.ts';
import { withTypes } from '../../scripts/types-table.ts';

test('the table in docs/types.md is current (npm run schema)', async () => {
  const path = join(import.meta.dirname, '../../docs/types.md');
  const page = readFileSync(path, 'utf8');
  for (const type of Object.keys(types)) expect(page).toMatch(new RegExp(`^\\| ${type}\\W`, 'm'));
  expect(await withTypes(page, path)).toBe(page);
});
