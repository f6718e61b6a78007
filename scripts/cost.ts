/**
 * `npm run cost -- --config config/prod.yaml`: what a month of it costs (infra/cost.ts).
 *
 *   --window-seconds 5       how long the warehouse reads one window
 *   --changed-minutes 240    minutes of a day in which a source has changed (the rest it is idle)
 *   --rows 1000000           rows a day, of all sources
 */
import { parseArgs } from 'node:util';
import { tellCost, USUAL } from '../infra/cost.ts';
import { loadForStack, readConfigFile } from '../lambdas/config/load.ts';

const { values } = parseArgs({
  options: {
    config: { type: 'string' },
    'window-seconds': { type: 'string', default: String(USUAL.windowSeconds) },
    'changed-minutes': { type: 'string', default: String(USUAL.changedMinutes) },
    rows: { type: 'string', default: String(USUAL.rows) },
  },
});
try {
  if (values.config === undefined) throw new Error('npm run cost -- --config config/<environment>.yaml');
  const { config, infrastructure } = loadForStack(readConfigFile(values.config), { path: values.config });
  const load = {
    windowSeconds: Number(values['window-seconds']),
    changedMinutes: Number(values['changed-minutes']),
    rows: Number(values.rows),
  };
  console.log(tellCost(config, infrastructure, load).join('\n'));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
