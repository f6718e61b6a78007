import { expect, test } from 'vitest';
import { snowflakeGrants } from '../../lambdas/config/grants.ts';
import {
  formatIdentifier,
  formatQualified,
  parseIdentifier,
  parseQualified,
} from '../../lambdas/config/identifiers.ts';
import { shopOf } from './shop.ts';

test('a name is the same again once it was written and read, whatever is in it', () => {
  for (const name of ['ORDERS', 'ORDER', '_A$1', 'orders', 'Order lines', 'a"b', '"', "'; --", 'x.y', '1', 'ß\n'])
    expect(parseIdentifier(formatIdentifier(name))).toBe(name);
  expect(parseQualified(formatQualified('A.B', 'select', 'C'))).toEqual(['A.B', 'select', 'C']);
});

test('names that are words of SQL stand in quotes', () => {
  expect(['ORDERS', 'ORDER', 'TABLE'].map(formatIdentifier)).toEqual(['ORDERS', '"ORDER"', '"TABLE"']);
  const config = shopOf({ order: { table: 'db.public.order', key: ['ID'], topic: { name: 't', partitions: 1 } } });
  const grants = snowflakeGrants({ ...config, snowflake: { ...config.snowflake, role: 'view', warehouse: 'wh' } });
  expect(grants).toContain('GRANT SELECT ON TABLE DB.PUBLIC."ORDER" TO ROLE "VIEW";');
  expect(grants).toContain('GRANT USAGE ON WAREHOUSE wh TO ROLE "VIEW";');
});
