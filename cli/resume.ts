/**
 * `npm run resume`: takes a source out of needs-operator (and out of a pause) once its cause is mended. It needs nothing but
 * the checkpoint table, and notes who did it and why.
 */
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { createCheckpoints } from '../lambdas/checkpoints/store.ts';
import { loadConfig, readConfigFile } from '../lambdas/config/load.ts';
import { asSnowmeltError, SnowmeltError } from '../lambdas/errors.ts';
import { findSource } from '../lambdas/settings.ts';

const examples = `
Examples:
  npm run resume -- --config config/prod.yaml --source orders --reason "topic created"
  npm run resume -- --config config/prod.yaml --source orders --reason "..." --json`;

const options = new Command('npm run resume --')
  .description('Lets a source that waits for an operator go on. Mend the cause first: it is tried again at once.')
  .requiredOption('--config <file>', 'the configuration it was deployed with')
  .requiredOption('--source <name>', 'the source')
  .requiredOption('--reason <text>', 'why it may go on; kept with the state')
  .option('--json', 'print the partitions as JSON')
  .addHelpText('after', examples)
  .parse()
  .opts<{ config: string; source: string; reason: string; json?: boolean }>();

try {
  const config = loadConfig(readConfigFile(options.config), { path: options.config });
  findSource(config, options.source);
  const checkpoints = createCheckpoints(config);
  const before = await checkpoints.look(options.source);
  if (before === null) throw new SnowmeltError('SOURCE_UNKNOWN', `Source ${options.source} has no state yet.`);
  const waiting = before.partitions.filter(({ state }) => state === 'needs-operator');
  await checkpoints.audit(options.source, {
    who: userInfo().username,
    what: 'resume',
    why: options.reason,
    before: `paused ${before.meta.paused}, waiting ${waiting.map(({ partition }) => partition).join(' ') || 'none'}`,
    after: 'active',
    at: Date.now(),
  });
  await checkpoints.resume(options.source);
  const resumed = waiting.map(({ partition, lastError }) => ({ partition, lastError }));
  if (options.json) console.log(JSON.stringify({ source: options.source, resumed }));
  else if (resumed.length === 0) console.log(`No partition of ${options.source} was waiting.`);
  else
    for (const { partition, lastError } of resumed)
      console.log(`partition ${partition}: active (was ${lastError?.code})`);
} catch (error) {
  const failure = asSnowmeltError(error);
  console.error(`${failure.code}: ${failure.message}\n${failure.action}`);
  process.exitCode = 1;
}
