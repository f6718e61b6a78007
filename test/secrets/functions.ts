/** The functions' handlers in a process of their own, one invocation after the other: what they print is all that it prints. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { OperatorCommand } from '../../lambdas/operate/index.ts';
import type { PlanEvent } from '../../lambdas/plan/index.ts';
import type { PublishEvent } from '../../lambdas/publish/index.ts';

export type Event =
  | { fn: 'plan'; event: PlanEvent }
  | { fn: 'publish'; event: PublishEvent }
  | { fn: 'operate'; event: OperatorCommand }
  | { fn: 'recount'; event: null };
/** `config`: path of the resolved configuration. */
export type Invocation = Event & { config: string };
/** What Lambda would hand on: the answer, or what it tells of a failure, also to the queue of failed events. */
export type Outcome = { answer: unknown } | { failure: unknown };

export type Functions = {
  invoke(invocation: Invocation): Promise<Outcome>;
  /** Everything printed so far. */
  printed(): string;
  stop(): void;
};

export function startFunctions(env: Record<string, string>): Functions {
  const child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: [],
    env: { ...process.env, ...env },
  });
  let printed = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => void (printed += text));
  }
  return {
    invoke: (invocation) =>
      new Promise((resolve, reject) => {
        const ended = () => reject(new Error(`the functions' process ended: ${printed.slice(-2_000)}`));
        child.once('exit', ended);
        child.once('message', (outcome) => {
          child.off('exit', ended);
          resolve(outcome as Outcome);
        });
        child.send(invocation);
      }),
    printed: () => printed,
    stop: () => void child.kill(),
  };
}
