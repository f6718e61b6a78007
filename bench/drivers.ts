/** What the drivers of other languages look for in a Snowflake's answers, beside the result itself. */

/** Drivers that ask for Arrow unless told otherwise, as they call themselves when they sign in. */
const ARROW = ['PythonConnector', 'JDBC', 'Go'];
const TOKENS = { arrow: 'token-arrow', json: 'token' };

export type Asked = {
  sqlText: string;
  describeOnly?: boolean;
  bindings?: Record<string, { value: string | null }>;
};

/** The answer to a sign-in. The token tells later requests which kind of driver it is. */
export function sessionOf(body: Buffer) {
  const { CLIENT_APP_ID } = (JSON.parse(body.toString()) as { data: { CLIENT_APP_ID?: string } }).data;
  const token = ARROW.includes(CLIENT_APP_ID ?? '') ? TOKENS.arrow : TOKENS.json;
  return {
    token,
    masterToken: 'master',
    sessionToken: token,
    validityInSeconds: 3600,
    masterValidityInSeconds: 14_400,
    sessionId: 1,
    parameters,
    sessionInfo: { databaseName: 'BENCH', schemaName: 'PUBLIC', warehouseName: 'WH', roleName: 'PUBLIC' },
  };
}

export function isArrowDriver(authorization: string | undefined): boolean {
  return authorization?.includes(TOKENS.arrow) === true;
}

/** A result without rows, or the one row that statements give which only set something. */
export function answerToDriver({ sqlText, describeOnly }: Asked, rowtype: readonly object[]) {
  const setting = rowtype.length === 0 && !/^\s*show\b/i.test(sqlText);
  const rowset = setting ? [['Statement executed successfully.']] : [];
  return {
    queryId: '01b00000-0000-4000-8000-999999999999',
    queryResultFormat: 'json',
    rowtype: rowtype.length > 0 ? rowtype : [STATUS],
    rowset,
    total: rowset.length,
    returned: rowset.length,
    version: 1,
    numberOfBinds: describeOnly === true ? sqlText.split('?').length - 1 : 0,
    arrayBindSupported: false,
    statementTypeId: 4096,
    parameters,
    databaseProvider: null,
    finalDatabaseName: 'BENCH',
    finalSchemaName: 'PUBLIC',
    finalWarehouseName: 'WH',
    finalRoleName: 'PUBLIC',
    sendResultTime: Date.now(),
  };
}

/** What the gate says of every table. */
export const TOKEN = '1790000000000000000';

/** The gate's answer: nothing has changed. */
export function gateOf(statement: Asked) {
  const names = [...statement.sqlText.matchAll(/AS "(\w+)"/g)].map((match) => match[1]!);
  const now = new Date().toISOString().replace('T', ' ').slice(0, -1);
  const rowtype = names.map((name) => ({ ...STATUS, name }));
  const rowset = [names.map((name) => (name === 'now' ? now : TOKEN))];
  return { ...answerToDriver(statement, rowtype), rowset, total: 1, returned: 1 };
}

const STATUS = {
  ...{ name: 'status', database: '', schema: '', table: '', nullable: true, type: 'text' },
  ...{ length: 100, byteLength: 100, precision: null, scale: null },
};

/** As Snowflake has them, but times in UTC, and nothing that a driver would send of itself. */
const parameters = Object.entries({
  AUTOCOMMIT: true,
  BINARY_OUTPUT_FORMAT: 'HEX',
  CLIENT_DISABLE_INCIDENTS: true,
  CLIENT_MEMORY_LIMIT: 1536,
  CLIENT_METADATA_REQUEST_USE_CONNECTION_CTX: false,
  CLIENT_PREFETCH_THREADS: 4,
  CLIENT_RESULT_CHUNK_SIZE: 160,
  CLIENT_RESULT_COLUMN_CASE_INSENSITIVE: false,
  CLIENT_SESSION_KEEP_ALIVE: false,
  CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY: 3600,
  CLIENT_STAGE_ARRAY_BINDING_THRESHOLD: 65_280,
  CLIENT_TELEMETRY_ENABLED: false,
  CLIENT_TIMESTAMP_TYPE_MAPPING: 'TIMESTAMP_LTZ',
  DATE_OUTPUT_FORMAT: 'YYYY-MM-DD',
  JDBC_FORMAT_DATE_WITH_TIMEZONE: true,
  JDBC_TREAT_DECIMAL_AS_INT: true,
  JDBC_TREAT_TIMESTAMP_NTZ_AS_UTC: false,
  JDBC_USE_SESSION_TIMEZONE: true,
  JS_TREAT_INTEGER_AS_BIGINT: false,
  QUERY_CONTEXT_CACHE_SIZE: 5,
  TIMESTAMP_LTZ_OUTPUT_FORMAT: '',
  TIMESTAMP_NTZ_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF3',
  TIMESTAMP_OUTPUT_FORMAT: 'YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM',
  TIMESTAMP_TZ_OUTPUT_FORMAT: '',
  TIMEZONE: 'UTC',
  TIME_OUTPUT_FORMAT: 'HH24:MI:SS',
}).map(([name, value]) => ({ name, value }));
