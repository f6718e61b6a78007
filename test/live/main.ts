/**
 * `npm run test:live`: what a real account says to the questions in probes.ts, then the semantics suite on it. Without
 * SNOWFLAKE_ACCOUNT it says so and ends well. KAFKA_BROKERS (without sign-in) has the Kafka suites run there, too. `--stand-in` asks the stand-in instead, to try the probes themselves.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const standIn = process.argv.includes('--stand-in');
if (process.env.KAFKA_BROKERS !== undefined && !standIn) await vitest('.kafka.test.ts');
if (process.env.SNOWFLAKE_ACCOUNT === undefined && !standIn) {
  console.log(
    'No account: set SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_WAREHOUSE, SNOWFLAKE_DATABASE and one of ' +
      'SNOWFLAKE_PRIVATE_KEY_PATH, SNOWFLAKE_TOKEN, SNOWFLAKE_PASSWORD. Nothing was asked of Snowflake. KAFKA_BROKERS names a cluster for the Kafka suites.',
  );
  process.exit();
}
if (standIn) delete process.env.SNOWFLAKE_ACCOUNT;

const { openAccount } = await import('../snowflake/semantics/account.ts');
const { probes } = await import('./probes.ts');

const account = await openAccount();
try {
  for (const probe of probes) {
    console.log(`\n${probe.id}  ${probe.question}\n    assumed:  ${probe.assumed}`);
    try {
      for (const line of await probe.run(account)) console.log(`    observed: ${line}`);
    } catch (error) {
      console.log(`    failed:   ${String(error)}`);
    }
  }
} finally {
  await account.close();
}

if (!standIn) await vitest('test/snowflake/semantics');

/** The very files of `npm test`; only addresses differ. */
async function vitest(files: string): Promise<void> {
  const program = createRequire(import.meta.url).resolve('vitest/vitest.mjs');
  const suite = spawn(process.execPath, [program, 'run', files, '--testTimeout', '600000'], { stdio: 'inherit' });
  const code = await new Promise<number>((resolve) => suite.once('exit', (status) => resolve(status ?? 1)));
  if (code !== 0) process.exitCode = code;
}
