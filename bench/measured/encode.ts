/**
 * Rows -> bytes, in memory: node encode.ts <folder of a dataset> <rows> <c|u> <envelope> <format>
 * One chunk's rows again and again; `u` has an image before and one after.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { ResolvedConfig, ResolvedSource } from '../../lambdas/config/resolved.ts';
import { createEncoders } from '../../lambdas/encoding/encoders.ts';
import type { RowBatch } from '../../lambdas/protocol/ports/snowflake.ts';
import type { Layout } from '../../lambdas/protocol/window.ts';
import { scanRows } from '../../lambdas/snowflake/scanner.ts';
import { ConfluentStandIn } from '../../local/registry/confluent.ts';
import type { Dataset } from '../dataset.ts';
import { windowOf } from '../window.ts';
import { measure } from './meter.ts';

const [folder = '', wanted = '', op = '', envelope = '', format = ''] = process.argv.slice(2);
const set = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as Omit<Dataset, 'folder'>;
const { file, rows } = set.chunks.at(-1)!;
const bytes = gunzipSync(readFileSync(join(folder, file)));
const offsets = new Int32Array(2 * rows * set.width);
scanRows(bytes, 0, set.width, 0, rows, offsets);
const batch: RowBatch = { bytes, offsets, rows, width: set.width };

const object = { database: 'BENCH', schema: 'PUBLIC', name: set.table.toUpperCase() };
const source = {
  name: 'bench',
  topic: 'bench.flights',
  object,
  key: ['ID'],
  format: { type: format, key: format, envelope, tombstones: true },
} as unknown as ResolvedSource;
const registry = await ConfluentStandIn.start();
const config = {
  app: 'bench',
  registry: { type: 'confluent', url: registry.url, auth: { method: 'none' }, subjects: 'topic', register: true },
  sources: [source],
} as unknown as ResolvedConfig;
const layout = { key: ['ID'], object, topic: 'bench.flights', topicPartitions: 6 } as unknown as Layout;
const window = { ...windowOf(set, 0, []), digest: '' };
const encoder = await createEncoders(config, source).forWindow(window, layout, 0);

await measure(async () => {
  const seen = { rows: 0, bytes: 0 };
  const before = op === 'u' ? batch : null;
  for (let row = 0; seen.rows < Number(wanted); row = row + 1 < rows ? row + 1 : 0) {
    encoder.encode(op === 'u' ? 'u' : 'c', before, row, batch, row, ++seen.rows);
    seen.bytes += encoder.valueEnd - encoder.keyStart;
  }
  return seen;
});
