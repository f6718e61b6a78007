/** Chunks -> rows, with the product's reader: node read.ts <address> <query id> <rows> <width> <chunks|sdk> */
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { createSnowflake } from '../../lambdas/snowflake/client.ts';
import { measure } from './meter.ts';

const [accessUrl = '', queryId = '', rows = '', width = '', reader = ''] = process.argv.slice(2);
const config = {
  app: 'bench',
  snowflake: {
    account: 'a',
    accessUrl,
    user: 'U',
    role: null,
    warehouse: 'W',
    reader,
    auth: { method: 'token', secret: '' },
  },
} as unknown as ResolvedConfig;

await measure(async () => {
  const snowflake = createSnowflake(config, { token: 't' });
  const seen = { rows: 0, bytes: 0 };
  for await (const batch of snowflake.read(queryId, 0, Number(rows), Number(width))) {
    seen.rows += batch.rows;
    seen.bytes += batch.offsets[2 * batch.rows * batch.width - 1]! - batch.offsets[0]!;
  }
  return seen;
});
