/** Snowflake's errors as Snowmelt's. Messages keep the code, the query id and the first line, but no literal of a row. */
import type { ErrorCode } from '../errors.ts';
import { SnowmeltError } from '../errors.ts';
import { isSessionOver, tokenExpired } from './access.ts';

/** The parts of an error of the SDK, or of a refusal in an answer, that decide. */
export type SnowflakeError = {
  code: string;
  message: string;
  sqlState?: string | undefined;
  name?: string | undefined;
  data?: { queryId?: unknown } | undefined;
  /** HTTP status of an answer that was not 200. */
  status?: number | undefined;
};

/** The session is over: nothing was run, another session may try. */
export class SessionLost extends Error {
  constructor(code: string) {
    super(`Snowflake ended the session (${code})`);
    this.name = 'SessionLost';
  }
}

const missing = new Set(['002003', '002043', '002037']);
const gone = new Set(['000709', '000710', '000711']);

/** The statement is unknown, or its result's 24 hours are over. */
export function isResultGone(code: string): boolean {
  return gone.has(code);
}

/**
 * 091930 and 000707 are ambiguous: tracking may have been off for a while, the table recreated, or the retention passed.
 * All of them mean that this window can't be read any more. Whether tracking is off *now* is what `describe` tells
 * before a scan is submitted, so TRACKING_OFF is the planner's to say.
 */
function codeOf(error: SnowflakeError): ErrorCode {
  if (missing.has(error.code)) return 'OBJECT_MISSING';
  if (error.code === '000606') return 'WAREHOUSE_MISSING';
  if (error.code === '003001') return 'PRIVILEGE_MISSING';
  // "Future data is not yet available" comes with an unknown code and passes by itself.
  if (/future data/i.test(error.message)) return 'SNOWFLAKE_STATEMENT';
  if (error.code === '091930' || error.code === '000707') return 'HISTORY_LOST';
  if (isResultGone(error.code)) return 'RESULT_EXPIRED';
  return 'SNOWFLAKE_STATEMENT';
}

export function statementError(error: SnowflakeError): SnowmeltError {
  const id = typeof error.data?.queryId === 'string' ? `, query ${error.data.queryId}` : '';
  return new SnowmeltError(codeOf(error), `Snowflake ${error.code}${id}: ${safeText(error.message)}`);
}

/** The SDK's own codes: 4010xx network, 4070xx a connection that is over. */
export function executionError(error: SnowflakeError): Error {
  if (isSessionOver(error.code) || /^407\d{3}$/.test(error.code) || error.code === '401004')
    return new SessionLost(error.code);
  if (error.code === tokenExpired) return new SessionLost(error.code);
  if (error.name === 'NetworkError' || /^4010\d\d$/.test(error.code)) return unreachable(error);
  return statementError(error);
}

/** A sign-in that was answered with a refusal is LOGIN; one that was not answered, or by a failing service, UNREACHABLE. */
export function loginError(error: SnowflakeError): SnowmeltError {
  const refused =
    error.status === undefined ? !/^4010\d\d$/.test(error.code) : error.status < 500 && error.status !== 429;
  if (!refused || error.name === 'NetworkError') return unreachable(error);
  return new SnowmeltError('SNOWFLAKE_LOGIN', `Snowflake ${error.code}: ${safeText(error.message)}`);
}

function unreachable(error: SnowflakeError): SnowmeltError {
  const status = error.status === undefined ? '' : ` (HTTP ${error.status})`;
  return new SnowmeltError('SNOWFLAKE_UNREACHABLE', `Snowflake ${error.code}${status}: ${safeText(error.message)}`);
}

/**
 * First line only; what a compiler complains about are names, what a run complains about may be values, so of the latter
 * everything quoted, bracketed or numeric is masked.
 */
export function safeText(message: string): string {
  const [first = '', second = ''] = message.split('\n');
  const compiled = /^SQL (compilation|access control) error/i.test(first);
  const line = (compiled && second !== '' ? `${first} ${second}` : first).slice(0, 500);
  const names =
    compiled ||
    /^(SQL access control error|No active warehouse)|does not exist or not authorized|Time travel data|Change tracking|Statement .* not found/i.test(
      line,
    );
  if (names) return line;
  return line
    .replace(/\{.*\}|\[.*\]/g, '…')
    .replace(/'.*'|".*"/g, '…')
    .replace(/\d+/g, '#');
}

/** Reads what is needed out of whatever the SDK threw. */
export function asSnowflakeError(error: unknown): SnowflakeError {
  const raw = (typeof error === 'object' && error !== null ? error : {}) as Record<string, unknown>;
  const response = raw.response as { statusCode?: unknown; status?: unknown } | undefined;
  const status = Number(response?.statusCode ?? response?.status);
  const code = raw.code;
  return {
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : '',
    message: error instanceof Error ? error.message : 'unknown error',
    sqlState: typeof raw.sqlState === 'string' ? raw.sqlState : undefined,
    name: typeof raw.name === 'string' ? raw.name : undefined,
    data: raw.data as { queryId?: unknown } | undefined,
    status: Number.isNaN(status) ? undefined : status,
  };
}
