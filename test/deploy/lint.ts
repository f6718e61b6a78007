/** `npm run lint:template`: cfn-lint over the template of each example configuration, and of all that can be asked for. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root, synthesize } from '../../infra/synthesize.ts';
import { loadForStack } from '../../lambdas/config/load.ts';
import { emptyBundles, everything, examples } from '../infra/configs.ts';
import { pythonTools } from './venv.ts';

const folder = mkdtempSync(join(tmpdir(), 'snowmelt-lint-'));
try {
  emptyBundles(folder);
  const templates = [...examples(), { name: 'everything', text: everything }].map(({ name, text }) => {
    const template = synthesize(loadForStack(text, { path: name, deployment: 1 }), folder);
    const path = join(folder, `${name}.template.json`);
    writeFileSync(path, JSON.stringify(template, null, 1));
    return path;
  });
  const lint = join(pythonTools('deploy', join(import.meta.dirname, 'requirements.txt')), 'cfn-lint');
  const { status } = spawnSync(lint, templates, { cwd: root, stdio: 'inherit' });
  if (status === 0) console.log(`cfn-lint: ${templates.length} templates, no findings`);
  process.exitCode = status ?? 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
