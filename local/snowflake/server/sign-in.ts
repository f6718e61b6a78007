/** Checks the credentials of a login request, for every method the SDK offers to a service user. */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { isAttested } from './attestation.ts';
import type { Json } from './http.ts';
import { ServiceError, text } from './http.ts';
import type { Settings, SnowflakeUser } from './options.ts';

const hour = 3_600_000;
const allowedSkew = 60_000;

const wrongPassword = () => new ServiceError('390100', 'Incorrect username or password was specified.');
const invalidJwt = () => new ServiceError('390144', 'JWT token is invalid.');

/** The user a login request proves to be; throws the ServiceError that Snowflake would answer. */
export function signIn(data: Json, settings: Settings, now: number): SnowflakeUser {
  const account = text(data.ACCOUNT_NAME).toUpperCase();
  const method = text(data.AUTHENTICATOR).toUpperCase() || 'SNOWFLAKE';
  const token = text(data.TOKEN);
  if (settings.account !== null && account !== settings.account.toUpperCase()) throw wrongPassword();
  const named = settings.users.find((user) => user.name.toUpperCase() === text(data.LOGIN_NAME).toUpperCase());
  const among = named === undefined ? settings.users : [named];

  switch (method) {
    case 'SNOWFLAKE': {
      const password = text(data.PASSWORD);
      // A programmatic access token may stand in for the password.
      const good = named?.password === password || named?.accessTokens?.includes(password);
      if (named === undefined || password === '' || good !== true) throw wrongPassword();
      return named;
    }
    case 'SNOWFLAKE_JWT':
      if (named === undefined) throw invalidJwt();
      checkJwt(token, account, named, now);
      return named;
    case 'PROGRAMMATIC_ACCESS_TOKEN':
      return (
        among.find((user) => user.accessTokens?.includes(token)) ??
        refuse('394400', 'Programmatic access token is invalid.')
      );
    case 'OAUTH':
      return among.find((user) => user.oauthTokens?.includes(token)) ?? refuse('390303', 'Invalid OAuth access token.');
    case 'WORKLOAD_IDENTITY': {
      // Whose role it is tells who signs in; where a name is sent, it must be the same.
      const asked = text(data.LOGIN_NAME) === '' ? settings.users : [named].filter((user) => user !== undefined);
      const user = asked.find(({ workloadIdentity: key }) => key !== undefined && isAttested(token, key, now));
      if (user === undefined || text(data.PROVIDER) !== 'AWS') throw wrongPassword();
      return user;
    }
    default:
      return refuse('390101', `Authenticator ${method} is not emulated.`);
  }
}

/**
 * Key-pair token: signature by one of the user's keys, `iss` = ACCOUNT.USER.SHA256:<fingerprint of that key>,
 * `sub` = ACCOUNT.USER, alive, and valid for at most an hour. The Node driver writes milliseconds where the standard
 * has seconds; Snowflake takes both.
 */
function checkJwt(token: string, account: string, user: SnowflakeUser, now: number): void {
  const [header, payload, signature] = token.split('.');
  const claims = decode(payload);
  const algorithm = { RS256: 'RSA-SHA256', RS384: 'RSA-SHA384', RS512: 'RSA-SHA512' }[text(decode(header).alg)];
  if (algorithm === undefined || signature === undefined) throw invalidJwt();
  const signed = Buffer.from(`${header}.${payload}`);
  const key = (user.publicKeys ?? [])
    .map((pem) => createPublicKey(pem))
    .find((each) => verify(algorithm, signed, each, Buffer.from(signature, 'base64url')));
  if (key === undefined) throw invalidJwt();

  const print = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64');
  const subject = `${account}.${user.name.toUpperCase()}`;
  if (text(claims.sub) !== subject || text(claims.iss) !== `${subject}.SHA256:${print}`) throw invalidJwt();
  const [issued, expires] = [millis(claims.iat), millis(claims.exp)];
  const alive = issued <= now + allowedSkew && expires > now && expires - issued <= hour;
  if (!alive) throw invalidJwt();
}

function decode(part: string | undefined): Json {
  try {
    return JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as Json;
  } catch {
    return {};
  }
}

function millis(time: unknown): number {
  const value = Number(time);
  return value > 100_000_000_000 ? value : value * 1000;
}

function refuse(code: string, message: string): never {
  throw new ServiceError(code, message);
}
