/** What the CDK CLI runs: `npx cdk synth|diff|deploy -c env=<name>` takes config/<name>.yaml. */
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { loadForStack, readConfigFile } from '../lambdas/config/load.ts';
import { deploymentNumber } from './deployment.ts';
import { addStack, root } from './synthesize.ts';

const app = new App();
const environment = String(app.node.tryGetContext('env') ?? 'example');
const path = `config/${environment}.yaml`;

try {
  const text = readConfigFile(join(root, path));
  const deployment = deploymentNumber(app.node.tryGetContext('deployment') as string | undefined, root);
  addStack(app, loadForStack(text, { path, deployment }));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
