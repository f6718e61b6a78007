/** The floor of reading through snowflake-sdk: its rows as arrays of text, counted. node sdk-floor.ts <address> <query id> */
import '../../lambdas/snowflake/environment.ts';
import snowflake, { type RowStatement } from 'snowflake-sdk';
import { measure } from './meter.ts';

const [accessUrl = '', queryId = ''] = process.argv.slice(2);
snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false, disableOCSPChecks: true });
const connection = snowflake.createConnection({ account: 'a', username: 'u', password: 'p', accessUrl });
await connection.connectAsync(() => undefined);

await measure(async () => {
  const statement = await new Promise<RowStatement>((resolve, reject) => {
    connection.fetchResult({
      queryId,
      streamResult: true,
      rowMode: 'array',
      complete: (error, done) => (error ? reject(error) : resolve(done)),
    });
  });
  let rows = 0;
  await new Promise((resolve, reject) => {
    statement
      .streamRows()
      .on('data', () => rows++)
      .on('error', reject)
      .on('end', resolve);
  });
  return { rows, bytes: 0 };
});
