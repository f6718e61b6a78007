/** Codes that no source gets into: the functions refuse to work at all, until another configuration is deployed. */
import type { ResolvedConfig } from '../../../lambdas/config/resolved.ts';
import type { ErrorCode } from '../../../lambdas/errors.ts';
import { expect } from 'vitest';
import { isDeploy, runOf } from './follow.ts';
import { UPDATE } from './kafka-cases.ts';
import type { Stage } from './stage.ts';

export type Refusal = {
  code: ErrorCode;
  what: string;
  /** What was deployed instead of the configuration. */
  deployed: (config: ResolvedConfig) => object;
};

export const REFUSALS: readonly Refusal[] = [
  {
    code: 'CONFIG_INVALID',
    what: 'what was deployed is no configuration',
    deployed: ({ app }) => ({ app }),
  },
  {
    code: 'SOURCE_UNKNOWN',
    what: 'an event is under way when its source goes',
    deployed: (config) => ({ ...config, sources: [] }),
  },
];

export async function refuse(stage: Stage, { code, deployed }: Refusal): Promise<void> {
  const pipeline = await stage.published();
  await stage.waiting(pipeline, UPDATE);
  stage.deploy(pipeline, deployed);
  const event = { source: pipeline.source.name, partition: 0 };
  await expect(stage.event(event)).rejects.toMatchObject({ code });

  expect(runOf(code).every(isDeploy)).toBe(true);
  stage.deploy(pipeline);
  for (let tick = 0; tick < 3; tick++) await stage.tick(pipeline);
  await stage.expectSame(pipeline);
}
