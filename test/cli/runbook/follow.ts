/** One case of the runbook, from its cause to a source that goes on. */
import { expect } from 'vitest';
import { EXIT } from '../../../cli/common.ts';
import { commandFor, ERRORS, type ErrorCode, type ErrorFacts } from '../../../lambdas/errors.ts';
import type { Way } from '../../../lambdas/protocol/recover.ts';
import type { Pipeline } from '../../faults/pipeline.ts';
import { needsOperator, verdictOf, type Stage } from './stage.ts';

export type Case = {
  code: ErrorCode;
  what: string;
  /** Answers the pipeline once a tick or two will show the code. */
  drive: (stage: Stage) => Promise<Pipeline>;
  /** What `recover` offers; where it does, nothing was published since the cause. */
  ways?: Way[];
  /** What mends the cause, outside of the configuration. */
  mend?: (stage: Stage, pipeline: Pipeline) => Promise<unknown> | void;
  /** What is edited in the configuration before it is deployed again. */
  edit?: (pipeline: Pipeline) => void;
  /** Another way than the printed one, which the entry's text names. */
  run?: readonly string[];
};

type Run = Extract<ErrorFacts, { retry: 'operator' }>['run'];

export const CODES = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code].retry === 'operator');
export const runOf = (code: ErrorCode): Run => (ERRORS[code] as Extract<ErrorFacts, { retry: 'operator' }>).run;
export const isDeploy = (command: string) => command.startsWith('npx cdk deploy ');

export async function follow(stage: Stage, { code, drive, ways, mend, edit, run = runOf(code) }: Case): Promise<void> {
  const pipeline = await drive(stage);
  const before = (await pipeline.published()).length;
  await pipeline.run(2);
  expect(pipeline.codes).toContain(code);
  if (ways !== undefined) {
    expect((await pipeline.published()).length).toBe(before);
    expect((await pipeline.recover()).ways).toEqual(ways);
  }
  stage.deploy(pipeline);
  expect(await verdictOf(pipeline)).toBe('needs-operator');
  expect(await needsOperator(pipeline)).toBeGreaterThan(0);

  const deploy = () => {
    edit?.(pipeline);
    if (edit !== undefined) Object.assign(pipeline.config, { deployment: pipeline.config.deployment + 1 });
    stage.deploy(pipeline);
  };
  await mend?.(stage, pipeline);
  if (!run.some(isDeploy)) deploy();
  await pipeline.run(2); // nobody is quicker than two ticks
  for (const each of run) {
    if (isDeploy(each)) deploy();
    else await obey(stage, pipeline, each);
    // Looking changes nothing.
    if (isDeploy(each) || each.includes('--reason')) await pipeline.run(3);
  }
  pipeline.telemetry.errors.length = 0;
  await stage.change(pipeline, `INSERT INTO $T (ID, NAME) VALUES (7, 'seven')`);
  await pipeline.run(4);
  expect(pipeline.codes).toEqual([]);
  expect(await verdictOf(pipeline)).toBe('fine');
  expect(await needsOperator(pipeline)).toBe(0);
  await stage.expectSame(pipeline);
}

/** The command as it is printed for this source. */
async function obey(stage: Stage, pipeline: Pipeline, run: string): Promise<void> {
  const window = run.includes('{window}') ? (await pipeline.state())!.windows[0]!.number : 0;
  const command = commandFor(run, { source: pipeline.source.name, where: '--local', env: 'none', window });
  const { stderr, code } = await stage.ask(command);
  expect({ command, stderr }).toEqual({ command, stderr: '' });
  expect([EXIT.fine, EXIT.found]).toContain(code);
}
