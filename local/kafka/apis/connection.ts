import { defineApi } from '../api.ts';
import type { Api } from '../api.ts';
import type { Broker } from '../broker.ts';
import { CODE } from '../codes.ts';

const FLEXIBLE = 3;

/** Tells the versions served. A client that asks in a newer version gets the same list with UNSUPPORTED_VERSION, in v0. */
export function apiVersions(table: () => readonly Api[]): Api {
  return defineApi<null, number>({
    key: 18,
    name: 'ApiVersions',
    versions: [0, 3],
    flexibleFrom: FLEXIBLE,
    read: () => null,
    answer: () => CODE.NONE,
    fail: (_question, code) => code,
    code: (answer) => answer,
    write: (writer, code, version) => {
      if (version >= FLEXIBLE) {
        writer.int16(code).compactArray(table(), (api) => {
          writer.int16(api.key).int16(api.versions[0]).int16(api.versions[1]).tags();
        });
        writer.int32(0).tags();
        return;
      }
      writer.int16(code).array(table(), (api) => writer.int16(api.key).int16(api.versions[0]).int16(api.versions[1]));
      if (version >= 1) writer.int32(0);
    },
  });
}

export const saslHandshake = defineApi<string, number>({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  read: (reader) => reader.string(),
  answer: (mechanism) => (mechanism === 'PLAIN' ? CODE.NONE : CODE.UNSUPPORTED_SASL_MECHANISM),
  fail: (_question, code) => code,
  code: (answer) => answer,
  write: (writer, code) => {
    writer.int16(code).array(['PLAIN'], (mechanism) => writer.string(mechanism));
  },
});

/** PLAIN: `authorization id \0 user \0 password`. */
export const saslAuthenticate = defineApi<Buffer, number>({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 1],
  read: (reader) => reader.bytes(),
  answer: (bytes, broker, caller) => {
    caller.authenticated = isKnown(broker, bytes);
    return caller.authenticated ? CODE.NONE : CODE.SASL_AUTHENTICATION_FAILED;
  },
  fail: (_question, code) => code,
  code: (answer) => answer,
  write: (writer, code, version) => {
    writer.int16(code).string(code === CODE.NONE ? null : 'Authentication failed');
    writer.bytes(Buffer.alloc(0));
    if (version >= 1) writer.int64(0);
  },
});

function isKnown(broker: Broker, bytes: Buffer): boolean {
  const [, user = '', password = ''] = bytes.toString('utf8').split('\0');
  const { users } = broker.options;
  return users === null || (Object.hasOwn(users, user) && users[user] === password);
}
