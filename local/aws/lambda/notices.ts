/** What the local stack tells whoever listens. */
import type { Metric } from '../emf.ts';

export type Source = 'schedule' | 'event' | 'direct';

export type Invocation = {
  /** Lambda's request id. */
  id: string;
  /** Name of the function. */
  function: string;
  event: unknown;
  source: Source;
  /** 1 for the first, more for Lambda's own repetitions. */
  attempt: number;
  pid: number;
  cold: boolean;
};

export type Failure = {
  /** `error`: the handler threw; `timeout`: it was killed at its timeout; `killed` by us; `exit`: the process ended; `init`: it did not load. */
  reason: 'error' | 'timeout' | 'killed' | 'exit' | 'init';
  type: string;
  message: string;
};
export type Outcome = { payload: unknown } | { failure: Failure };

export type Notices = {
  start: [Invocation];
  end: [Invocation & { outcome: Outcome; durationMs: number; maxMemoryBytes: number | null }];
  /** A line that a function wrote, metrics excepted. */
  log: [{ function: string; invocation: string | null; pid: number; line: string }];
  metric: [Metric & { function: string; invocation: string | null }];
  /** A rule handed an event to an SNS topic. */
  message: [{ topic: string; message: unknown }];
  /** An asynchronous event was given up: too old, or it failed too often. */
  undelivered: [{ function: string; event: unknown; reason: string }];
};

export type Counters = {
  invocations: number;
  cold: number;
  errors: number;
  timeouts: number;
  kills: number;
  doubled: number;
  undelivered: number;
};
