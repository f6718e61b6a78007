/**
 * `npm run test:live`: what a real account says to the questions in probes.ts, then the semantics suite on it. Without
 * SNOWFLAKE_ACCOUNT it says so and ends well. `--stand-in` asks the stand-in instead, to try the probes themselves.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const standIn = process.argv.includes('--stand-in');
if (process.env.SNOWFLAKE_ACCOUNT === undefined && !standIn) {
  console.log(
    'No account: set SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_WAREHOUSE, SNOWFLAKE_DATABASE and one of ' +
      'SNOWFLAKE_PRIVATE_KEY_PATH, SNOWFLAKE_TOKEN, SNOWFLAKE_PASSWORD. Nothing was run.',
  );
  process.exit(0);
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

if (!standIn) {
  const vitest = createRequire(import.meta.url).resolve('vitest/vitest.mjs');
  const suite = spawn(process.execPath, [vitest, 'run', 'test/snowflake/semantics', '--testTimeout', '600000'], {
    stdio: 'inherit',
  });
  process.exitCode = await new Promise<number>((resolve) => suite.once('exit', (code) => resolve(code ?? 1)));
}
