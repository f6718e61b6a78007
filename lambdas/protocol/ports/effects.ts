/** What an invocation has around it: its clock, who is called, who is told. */
import type { Notice } from './state.ts';

/** Wall clock in ms; `remainingMs` is what is left of this invocation. */
export interface Clock {
  now(): number;
  remainingMs(): number;
  pause(ms: number): Promise<void>;
}

/** Asks for invocations of publish; at least once, maybe late, maybe twice. */
export interface Events {
  call(calls: { source: string; partition: number }[]): Promise<void>;
}

/** Tells whoever wants to hear; at least once, in no sure order. */
export interface Notices {
  tell(source: string, notices: readonly Notice[]): Promise<void>;
}

/** What one unit of work did, for logs and metrics; never a row's values. */
export interface Telemetry {
  info(message: string, fields?: Record<string, string | number | boolean | null>): void;
  error(error: Error, fields?: Record<string, string | number | boolean | null>): void;
  /** Adds to what the invocation counts. */
  count(metric: string, value: number, fields: { source: string; partition?: number }): void;
  /** How something is; `quiet`: it counts for the deployment as a whole and is not told of the source. */
  gauge(metric: string, value: number, fields: { source: string; quiet: boolean }): void;
}
