/** A plain session of the real snowflake-sdk, for the writer and for making its table. */

export type Credentials = { url: string; account: string; user: string; password: string; warehouse: string };

export type Session = {
  /** Rows as objects by column name. */
  execute(sql: string): Promise<Record<string, unknown>[]>;
  close(): Promise<void>;
};

const CLOSING_MS = 2_000;

export async function signIn({ url, account, user, password, warehouse }: Credentials): Promise<Session> {
  // Before the driver is loaded: at import it calls cloud metadata addresses.
  process.env['SNOWFLAKE_DISABLE_PLATFORM_DETECTION'] = 'true';
  process.env['SNOWFLAKE_DISABLE_MINICORE'] = 'true';
  process.env['SF_TELEMETRY_DISABLE_CONNECTION_SHAPE'] = '1';
  const { default: snowflake } = await import('snowflake-sdk');
  snowflake.configure({ logLevel: 'OFF', additionalLogToConsole: false });
  const connection = snowflake.createConnection({ account, username: user, password, warehouse, accessUrl: url });
  await connection.connectAsync(() => undefined);
  return {
    execute: (sqlText) =>
      new Promise((resolve, reject) => {
        connection.execute({
          sqlText,
          complete: (error, _, rows) => {
            if (error === undefined || error === null) resolve((rows ?? []) as Record<string, unknown>[]);
            else reject(new Error(`${error.message} in: ${sqlText.slice(0, 200)}`));
          },
        });
      }),
    close: () =>
      new Promise((resolve) => {
        // The driver would try for minutes to reach a service that is gone.
        setTimeout(resolve, CLOSING_MS).unref();
        connection.destroy(() => resolve());
      }),
  };
}
