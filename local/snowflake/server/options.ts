/** What a Snowflake stand-in can be told at its start. All of it is JSON, so it crosses a process border. */

import type { AwsKey } from './attestation.ts';

export type SnowflakeUser = {
  name: string;
  password?: string;
  /** RSA public keys in PEM (SPKI) for key-pair sign-in; two, so that rotation can be played. */
  publicKeys?: string[];
  /** Programmatic access tokens. */
  accessTokens?: string[];
  oauthTokens?: string[];
  /** The key that AWS's STS would know the user's role by: attestations are signed with it. */
  workloadIdentity?: AwsKey;
  /** Roles the user may take; absent: any. */
  roles?: string[];
  defaultRole?: string;
  defaultWarehouse?: string;
  /** Session parameters as this user has them. */
  parameters?: Record<string, string | number | boolean>;
};

export type ServerOptions = {
  /** 0 or absent: a free port. */
  port?: number;
  /** Account identifier the sign-in must name; absent: any. */
  account?: string;
  users?: SnowflakeUser[];
  /** A statement that runs longer is answered with 333333 and polled for. Snowflake: about 45 s. */
  longPollMs?: number;
  sessionTokenMs?: number;
  masterTokenMs?: number;
  /** Life of a persisted result. Snowflake: 24 h. */
  resultKeepMs?: number;
  /** Life of a chunk's address. Snowflake: 6 h. */
  chunkUrlMs?: number;
  /** After this long without its client a statement is aborted when ABORT_DETACHED_QUERY is on. Snowflake: 5 min. */
  detachedMs?: number;
  /** Rows up to this many bytes of text come inline. */
  inlineBytes?: number;
  firstChunkBytes?: number;
  /** Uncompressed; a session's CLIENT_RESULT_CHUNK_SIZE (MB) lowers it further. */
  maxChunkBytes?: number;
  /** Compressed chunks kept in memory, in bytes. */
  chunkCacheBytes?: number;
  autoSuspendSeconds?: number;
  /** Accounting seconds per real second. */
  accountingScale?: number;
};

export type Settings = Required<Omit<ServerOptions, 'account'>> & { account: string | null };

export const defaultUser: SnowflakeUser = { name: 'SNOWMELT', password: 'snowmelt', accessTokens: ['snowmelt'] };

/** Fills in Snowflake's own figures. */
export function settingsOf(options: ServerOptions): Settings {
  return {
    port: options.port ?? 0,
    account: options.account ?? null,
    users: options.users ?? [defaultUser],
    longPollMs: options.longPollMs ?? 45_000,
    sessionTokenMs: options.sessionTokenMs ?? 3_600_000,
    masterTokenMs: options.masterTokenMs ?? 14_400_000,
    resultKeepMs: options.resultKeepMs ?? 86_400_000,
    chunkUrlMs: options.chunkUrlMs ?? 21_600_000,
    detachedMs: options.detachedMs ?? 300_000,
    inlineBytes: options.inlineBytes ?? 100_000,
    firstChunkBytes: options.firstChunkBytes ?? 250_000,
    maxChunkBytes: options.maxChunkBytes ?? 16_000_000,
    chunkCacheBytes: options.chunkCacheBytes ?? 64_000_000,
    autoSuspendSeconds: options.autoSuspendSeconds ?? 60,
    accountingScale: options.accountingScale ?? 1,
  };
}
