/** What Kafka is signed in with; apart from the other secrets, so that only who opens Kafka carries the signer. */
import type { ResolvedConfig } from '../config/resolved.ts';
import { SnowmeltError } from '../errors.ts';
import { field, readSecret } from './secrets.ts';

/** How Kafka is signed in to: a secret's fields, or where a token comes from. */
export type KafkaCredentials =
  | { username: string; password: string }
  | { certificate: string; key: string }
  | { token: () => Promise<string> }
  | null;

/** null where the brokers want none. @throws SECRET_UNREADABLE */
export async function kafkaCredentials(
  config: Pick<ResolvedConfig, 'aws' | 'kafka'>,
  fresh = false,
): Promise<KafkaCredentials> {
  const { auth } = config.kafka;
  if (auth.method === 'iam') return { token: mskToken };
  if (!('secret' in auth)) return null;
  const secret = await readSecret(config, auth.secret, fresh);
  if (auth.method === 'mtls') {
    return { certificate: field(auth.secret, secret, 'certificate'), key: field(auth.secret, secret, 'key') };
  }
  return { username: field(auth.secret, secret, 'username'), password: field(auth.secret, secret, 'password') };
}

/** Signed for one sign-in with the role of the function; no request is made. @throws KAFKA_UNAUTHORIZED */
async function mskToken(): Promise<string> {
  const region = process.env['AWS_REGION'];
  try {
    if (region === undefined) throw new Error('AWS_REGION is not set');
    // Loaded when it is first needed: it brings clients of its own, and other sign-ins need none of them.
    const { generateAuthToken } = await import('aws-msk-iam-sasl-signer-js');
    return (await generateAuthToken({ region })).token;
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw new SnowmeltError('KAFKA_UNAUTHORIZED', `No token for MSK could be signed: ${what}`, { cause: error });
  }
}
