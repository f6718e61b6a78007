/** What is planted: secrets of every way to sign in, some that are refused, and rows. */
import { generateKeyPairSync } from 'node:crypto';
import { mark } from './marks.ts';

const passphrase = mark('passphrase');
export const known = keyPair();
const unknown = keyPair();
/** A line of a key, as far as it has no character that JSON or a log would write otherwise. */
const lineOf = (pem: string) => pem.split('\n')[3]!;
const NAMES = ['token', 'salt', 'kafka', 'scram', 'certificate', 'key', 'registry', 'stolen', 'malformed'] as const;
export const secrets = Object.fromEntries(NAMES.map((name) => [name, mark(name)])) as Record<
  (typeof NAMES)[number],
  string
>;
export const rows = { name: mark('name'), email: mark('email'), twice: mark('twice'), large: mark('large') };
const pem = `-----BEGIN PRIVATE KEY-----\n${Buffer.from(mark('pem')).toString('base64')}\n-----END PRIVATE KEY-----\n`;
export const aws = {
  AWS_SECRET_ACCESS_KEY: `planted-${'k'.repeat(40)}`,
  AWS_SESSION_TOKEN: `planted-${'t'.repeat(40)}`,
};
export const planted = {
  ...secrets,
  ...rows,
  ...aws,
  passphrase,
  'a key': lineOf(known.privateKey),
  'another key': lineOf(unknown.privateKey),
  'no key': pem.split('\n')[1]!,
};

/** As Secrets Manager has them. */
export const SECRETS: Record<string, string> = {
  'a-key': JSON.stringify({ privateKey: known.privateKey, passphrase }),
  'another-key': JSON.stringify({ privateKey: unknown.privateKey, passphrase }),
  'no-key': JSON.stringify({ privateKey: pem }),
  'wrong-phrase': JSON.stringify({ privateKey: known.privateKey, passphrase: secrets.stolen }),
  token: JSON.stringify({ token: secrets.token }),
  stolen: JSON.stringify({ token: secrets.stolen }),
  salt: JSON.stringify({ salt: secrets.salt }),
  kafka: JSON.stringify({ username: 'shop', password: secrets.kafka }),
  scram: JSON.stringify({ username: 'shop', password: secrets.scram }),
  mtls: JSON.stringify({ certificate: secrets.certificate, key: secrets.key }),
  registry: JSON.stringify({ username: 'shop', password: secrets.registry }),
  'wrong-registry': JSON.stringify({ username: 'shop', password: secrets.stolen }),
  malformed: `{"token": "${secrets.malformed}`,
};

function keyPair() {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}
