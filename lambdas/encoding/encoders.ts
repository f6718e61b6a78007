/** The Encoders port: picks the format of a source. */
import type { ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import type { Encoders } from '../protocol/ports.ts';
import { JsonEncoder } from './json.ts';

/** `now` gives `ts_ms`, the time at which records are made: once per window and invocation. */
export function createEncoders(config: ResolvedConfig, source: ResolvedSource, now: () => number = Date.now): Encoders {
  return {
    forWindow: (window, layout, partition) =>
      new JsonEncoder({ config, source, window, layout, partition, now: now() }),
  };
}
