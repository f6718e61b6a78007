/** The Encoders port: picks the format of a source. */
import type { ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import type { Encoders } from '../protocol/ports.ts';
import { truncationValue } from './envelope.ts';
import { headersOf } from './headers.ts';
import { schemaRecord } from './schema-change.ts';
import { JsonEncoder } from './json.ts';

/** No row's key: a row's is an object of its key columns. */
export const TRUNCATION_KEY = '{"__op":"t"}';

/** `now` gives `ts_ms`, the time at which records are made: once per window and invocation. */
export function createEncoders(config: ResolvedConfig, source: ResolvedSource, now: () => number = Date.now): Encoders {
  return {
    truncation: (window, layout) => ({
      key: Buffer.from(TRUNCATION_KEY),
      value: truncationValue({ config, source, window, layout, partition: 0, now: now() }),
    }),
    schemaChange: (window, layout) => schemaRecord({ config, source, window, layout, partition: 0, now: now() }),
    headers: (window) => headersOf(source.headers ?? [], window),
    forWindow: (window, layout, partition) =>
      new JsonEncoder({ config, source, window, layout, partition, now: now() }),
  };
}
