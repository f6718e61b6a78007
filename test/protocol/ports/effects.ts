/** A clock that a test moves, and who listens. */
import type { Events, Telemetry } from '../../../lambdas/protocol/ports/effects.ts';

/** Time by hand. */
export class TestClock {
  time = Date.parse('2026-01-01T00:00:00.000Z');
  remaining = 900_000;
  now = () => this.time;
  remainingMs = () => this.remaining;
  pause = async (ms: number) => {
    this.time += ms;
    this.remaining -= ms;
  };
}

export class MemoryEvents implements Events {
  readonly calls: { source: string; partition: number }[] = [];
  async call(calls: { source: string; partition: number }[]) {
    this.calls.push(...calls);
  }
}

export class MemoryTelemetry implements Telemetry {
  readonly errors: Error[] = [];
  readonly messages: string[] = [];
  /** The last value of each, whatever the source. */
  readonly gauges = new Map<string, number>();
  info(message: string) {
    this.messages.push(message);
  }
  error(error: Error) {
    this.errors.push(error);
  }
  count() {}
  gauge(metric: string, value: number) {
    this.gauges.set(metric, value);
  }
}
