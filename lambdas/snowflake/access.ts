/** What the raw requests (results, aborts) need of a signed-in session. */
export interface Access {
  /** `https://host[:port]`, no trailing slash. */
  readonly base: string;
  /** The session token in use; signs in when there is no session. */
  token(): Promise<string>;
  /** The server called this token expired: renews it. */
  renew(token: string): Promise<void>;
  /** The session of this token is gone: the next `token()` is another session's. */
  lose(token: string): void;
}

/** Snowflake's codes for a session token that was valid once, and for a session that is over. */
export const tokenExpired = '390112';
const sessionOver = new Set(['390104', '390111', '390114']);

export function isSessionOver(code: string): boolean {
  return sessionOver.has(code);
}
