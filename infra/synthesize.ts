/** From a configuration file to the stack; the CDK CLI, the local runner and the tests all take this way. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import type { Infrastructure } from '../lambdas/config/load.ts';
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import { addRules } from './rules.ts';
import { SnowmeltStack } from './stack.ts';

export const root = join(import.meta.dirname, '..');

export type Deployable = { config: ResolvedConfig; infrastructure: Infrastructure };

/** Adds the stack, and the rules that it must keep, to the app. `dist` holds the bundles; the layer's folder is written beside them. */
export function addStack(
  app: App,
  { config, infrastructure }: Deployable,
  dist: string = join(root, 'dist'),
): SnowmeltStack {
  addRules(app);
  return new SnowmeltStack(app, {
    config,
    infrastructure,
    dist,
    layer: writeLayer(config, join(dist, 'config', config.app)),
  });
}

/** The CloudFormation template, without the CDK CLI; the same flags as with it. */
export function synthesize(deployable: Deployable, dist: string, outdir?: string): Template {
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')) as { context: Record<string, unknown> };
  const app = new App({ context, ...(outdir === undefined ? {} : { outdir }), analyticsReporting: false });
  const stack = addStack(app, deployable, dist);
  return app.synth().getStackByName(stack.stackName).template as Template;
}

export type Template = { Resources: Record<string, { Type: string; Properties: Record<string, unknown> }> };

/** Puts the resolved configuration where the layer is unpacked to /opt/snowmelt/config.json. */
export function writeLayer(config: ResolvedConfig, folder: string): string {
  mkdirSync(join(folder, 'snowmelt'), { recursive: true });
  writeFileSync(join(folder, 'snowmelt', 'config.json'), JSON.stringify(config, null, 2) + '\n');
  return folder;
}
