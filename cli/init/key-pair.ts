/** The key pair of the user in Snowflake, where it signs in with one. Nothing secret is made unless somebody asks for it. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readConfigFile } from '../../lambdas/config/load.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';

/** The least that Snowflake takes. */
const BITS = 2048;

/** `secret`: what the secret holds, as JSON; `publicKey`: as Snowflake takes it. */
export function generateKey(): { secret: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: BITS });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { secret: `${JSON.stringify({ privateKey: pem })}\n`, publicKey: bodyOf(publicKey) };
}

/** @throws CONFIG_INVALID */
export function readPublicKey(path: string): string {
  const text = readConfigFile(path);
  const key = /-----BEGIN (RSA )?PUBLIC KEY-----/.test(text) ? parsed(text) : null;
  if (key === null || key.asymmetricKeyType !== 'rsa' || (key.asymmetricKeyDetails?.modulusLength ?? 0) < BITS)
    throw new SnowmeltError('CONFIG_INVALID', `${path}: must be an RSA public key of at least ${BITS} bits, in PEM`);
  return bodyOf(key);
}

function parsed(pem: string): KeyObject | null {
  try {
    return createPublicKey(pem);
  } catch {
    return null;
  }
}

function bodyOf(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'der' }).toString('base64');
}

/** What makes one without this program; `secret` is to hold the first file as its field `privateKey`. */
export const OPENSSL = [
  'openssl genrsa 2048 | openssl pkcs8 -topk8 -inform PEM -nocrypt -out snowflake.p8',
  'openssl rsa -in snowflake.p8 -pubout -out snowflake.pub',
];
