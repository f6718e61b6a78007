/**
 * What has to be granted outside of AWS, out of the same table as the roles of the functions.
 *
 *   npm run permissions -- --config config/prod.yaml [--principal User:snowmelt]
 */
import { parseArgs } from 'node:util';
import { kafkaAcls } from '../infra/kafka-acls.ts';
import { identityStatement, sharedGrant, snowflakeGrants, ungranted } from '../lambdas/config/grants.ts';
import { loadConfig, readConfigFile } from '../lambdas/config/load.ts';

const { values } = parseArgs({
  options: { config: { type: 'string' }, principal: { type: 'string', default: 'User:snowmelt' } },
});
try {
  if (values.config === undefined) throw new Error('npm run permissions -- --config config/<environment>.yaml');
  const config = loadConfig(readConfigFile(values.config), { path: values.config });
  console.log(`-- Snowflake\n${snowflakeGrants(config).join('\n')}\n`);
  if (config.snowflake.auth.method === 'workload-identity') {
    console.log(
      `-- who signs in without a secret; 123456789012 stands for the account of the stack\n${identityStatement(config, '123456789012')}`,
    );
  }
  for (const source of ungranted(config)) console.log(`-- and SELECT on each table that the query of ${source} reads`);
  for (const { name, stream } of config.sources) {
    if (stream?.managed !== false) continue;
    console.log(`-- and, for ${name}, SELECT on what its stream is on; on a stage READ, on an external one USAGE`);
  }
  const shared = sharedGrant(config.snowflake, 'ITS_NAME');
  console.log(`-- for a database made from a share, in place of its USAGE and SELECT: ${shared}`);
  console.log('-- its provider has to switch change tracking on\n');
  console.log('# Kafka: arguments of kafka-acls.sh (with MSK IAM nothing is needed, the role has it)');
  console.log(kafkaAcls(config, values.principal).join('\n'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
