/** One execution environment: a child process that serves one invocation at a time and is reused until it dies. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { childEnvironment } from '../child-node.ts';
import type { FunctionSpec } from '../template/resources.ts';
import type { Failure, Outcome } from './notices.ts';

const BOOTSTRAP = new URL('./bootstrap.ts', import.meta.url).pathname;
/** Lambda allows 10 s and then tries once more; loading a bundle on a busy machine is no reason to fail. */
const INIT_MS = 60_000;
/** Of a function's memory, what its JavaScript heap may take. */
const HEAP_SHARE = 0.9;

export type Work = { id: string; event: unknown };

export class Environment {
  readonly spec: FunctionSpec;
  readonly pid: number;
  /** True until the first invocation has ended. */
  cold = true;
  /** Set once the process is gone. */
  dead = false;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #onLine: (line: string) => void;
  readonly #onClose: () => void;
  #waiting: ServerResponse | null = null;
  #work: Work | null = null;
  #deadline = 0;
  #timer: NodeJS.Timeout | undefined;
  #settle: ((outcome: Outcome) => void) | null = null;
  /** Why the process is about to be killed. */
  #reason: 'timeout' | 'killed' | null = null;
  #initError: Failure | null = null;
  #written: Promise<void> = Promise.resolve();
  #markWritten: () => void = () => undefined;

  constructor(
    spec: FunctionSpec,
    api: string,
    environment: Record<string, string>,
    on: { line: (line: string) => void; close: () => void },
  ) {
    this.spec = spec;
    this.#onLine = on.line;
    this.#onClose = on.close;
    this.#child = spawn(
      process.execPath,
      [`--max-old-space-size=${Math.floor(spec.memoryMb * HEAP_SHARE)}`, BOOTSTRAP],
      {
        stdio: ['pipe', 'pipe', 'pipe'],
        env: {
          PATH: process.env['PATH'] ?? '',
          LANG: 'en_US.UTF-8',
          TZ: ':UTC',
          ...childEnvironment,
          AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
          AWS_LAMBDA_RUNTIME_API: api,
          AWS_LAMBDA_FUNCTION_NAME: spec.name,
          AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
          AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
          AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${spec.name}`,
          AWS_LAMBDA_LOG_STREAM_NAME: 'local',
          LAMBDA_TASK_ROOT: spec.root,
          _HANDLER: spec.handler,
          ...environment,
        },
      },
    );
    this.pid = this.#child.pid ?? -1;
    this.#child.on('error', () => this.#ended('could not be started'));
    // `close` comes after the last line was read, unlike `exit`.
    this.#child.on('close', (code, signal) => this.#ended(signal ?? `exit code ${code}`));
    this.#child.stdin.on('error', () => undefined);
    createInterface(this.#child.stdout).on('line', (line) => {
      if (line.startsWith('\0end ')) this.#markWritten();
      else this.#onLine(line);
    });
    createInterface(this.#child.stderr).on('line', (line) => this.#onLine(line));
  }

  get busy(): boolean {
    return this.#settle !== null;
  }

  /** Runs one invocation to its end, whatever that is. */
  run(work: Work): Promise<Outcome> {
    return new Promise((settle) => {
      this.#settle = settle;
      if (this.dead) return this.#finish({ failure: { reason: 'exit', type: 'Runtime.ExitError', message: 'gone' } });
      this.#work = work;
      this.#written = new Promise((resolve) => (this.#markWritten = resolve));
      // Loading has a time of its own; the invocation's begins when it is handed over.
      this.#timer = setTimeout(() => this.#timeout('loading'), INIT_MS);
      this.#handOver();
    });
  }

  /** The Runtime API's `next`: the process is ready. */
  next(response: ServerResponse): void {
    this.#waiting = response;
    this.#handOver();
  }

  /** The Runtime API's `response` and `error`. */
  async answer(id: string, outcome: Outcome): Promise<void> {
    if (this.#work?.id !== id) return;
    await this.#written;
    this.#finish(outcome);
  }

  initError(failure: Failure): void {
    this.#initError = failure;
  }

  /** SIGKILL, or SIGSTOP and SIGCONT for a worker that freezes and thaws. A stopped one is ended by `close` alone. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
    if (signal === 'SIGKILL') this.#reason ??= 'killed';
    this.#child.kill(signal);
  }

  /** Peak resident memory of the process; null where the system does not tell. */
  maxMemoryBytes(): number | null {
    try {
      const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8')) ?? [];
      return kilobytes === undefined ? null : Number(kilobytes) * 1024;
    } catch {
      return null;
    }
  }

  async close(): Promise<void> {
    if (this.dead) return;
    const closed = new Promise((resolve) => this.#child.once('close', resolve));
    this.signal('SIGKILL');
    await closed;
  }

  #handOver(): void {
    const response = this.#waiting;
    const work = this.#work;
    if (response === null || work === null) return;
    this.#waiting = null;
    clearTimeout(this.#timer);
    this.#deadline = Date.now() + this.spec.timeoutMs;
    this.#timer = setTimeout(() => this.#timeout('the invocation'), this.spec.timeoutMs);
    response.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': work.id,
      'lambda-runtime-deadline-ms': String(this.#deadline),
      'lambda-runtime-invoked-function-arn': this.spec.arn,
    });
    response.end(JSON.stringify(work.event));
  }

  #timeout(what: string): void {
    this.#reason = 'timeout';
    this.#onLine(`Task timed out: ${what} of ${this.spec.name}, request ${this.#work?.id ?? '?'}`);
    this.#child.kill('SIGKILL');
  }

  #ended(how: string): void {
    if (this.dead) return;
    this.dead = true;
    this.#onClose();
    if (this.#initError !== null) return this.#finish({ failure: this.#initError });
    const reason = this.#reason ?? 'exit';
    const type = reason === 'timeout' ? 'Sandbox.Timedout' : 'Runtime.ExitError';
    this.#finish({ failure: { reason, type, message: `${this.spec.name} ended: ${how}` } });
  }

  #finish(outcome: Outcome): void {
    const settle = this.#settle;
    if (settle === null) return;
    clearTimeout(this.#timer);
    this.cold = false;
    this.#work = null;
    this.#settle = null;
    settle(outcome);
  }
}
