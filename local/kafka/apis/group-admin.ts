import { defineApi, firstCode } from '../api.ts';
import { CODE } from '../codes.ts';

type Coordinator = { code: number; id: number; host: string; port: number };
type Described = {
  code: number;
  group: string;
  state: string;
  protocolType: string;
  protocol: string;
  members: { memberId: string; metadata: Buffer; assignment: Buffer }[];
};

export const findCoordinator = defineApi<{ key: string; isTransaction: boolean }, Coordinator>({
  key: 10,
  name: 'FindCoordinator',
  versions: [0, 2],
  read: (reader, version) => ({ key: reader.string(), isTransaction: version >= 1 && reader.int8() === 1 }),
  facts: ({ key, isTransaction }) => (isTransaction ? { transactionalId: key } : { group: key }),
  answer: ({ key, isTransaction }, broker) => {
    if (key === '') return noCoordinator(CODE.INVALID_REQUEST);
    return { code: CODE.NONE, ...broker.nodes.coordinatorOf(isTransaction ? 'transaction' : 'group', key) };
  },
  fail: (_question, code) => noCoordinator(code),
  code: (answer) => answer.code,
  write: (writer, { code, id, host, port }, version) => {
    if (version >= 1) writer.int32(0);
    writer.int16(code);
    if (version >= 1) writer.string(null);
    writer.int32(id).string(host).int32(port);
  },
});

export const describeGroups = defineApi<string[], Described[]>({
  key: 15,
  name: 'DescribeGroups',
  coordinator: 'group',
  versions: [0, 2],
  read: (reader) => reader.array(() => reader.string()),
  facts: ([group]) => (group === undefined ? {} : { group }),
  answer: (groups, broker) =>
    groups.map((id) => {
      const members = broker.groups.get(id)?.members;
      if (members === undefined) return unknownGroup(id, CODE.NONE);
      const { state, protocolType, protocol } = members;
      return { code: CODE.NONE, group: id, state, protocolType, protocol, members: members.describe() };
    }),
  fail: (groups, code) => groups.map((id) => unknownGroup(id, code)),
  code: (answer) => firstCode(answer.map((group) => group.code)),
  write: (writer, answer, version) => {
    if (version >= 1) writer.int32(0);
    writer.array(answer, ({ code, group, state, protocolType, protocol, members }) => {
      writer.int16(code).string(group).string(state).string(protocolType).string(protocol);
      writer.array(members, ({ memberId, metadata, assignment }) => {
        writer.string(memberId).string('').string('/127.0.0.1').bytes(metadata).bytes(assignment);
      });
    });
  },
});

export const listGroups = defineApi<null, { code: number; groups: { group: string; protocolType: string }[] }>({
  key: 16,
  name: 'ListGroups',
  versions: [0, 2],
  read: () => null,
  answer: (_question, broker) => ({
    code: CODE.NONE,
    groups: broker.groups.all().map(({ id, members }) => ({ group: id, protocolType: members.protocolType })),
  }),
  fail: (_question, code) => ({ code, groups: [] }),
  code: (answer) => answer.code,
  write: (writer, { code, groups }, version) => {
    if (version >= 1) writer.int32(0);
    writer.int16(code).array(groups, ({ group, protocolType }) => writer.string(group).string(protocolType));
  },
});

export const deleteGroups = defineApi<string[], { group: string; code: number }[]>({
  key: 42,
  name: 'DeleteGroups',
  coordinator: 'group',
  versions: [0, 1],
  read: (reader) => reader.array(() => reader.string()),
  facts: ([group]) => (group === undefined ? {} : { group }),
  answer: (groups, broker) => groups.map((group) => ({ group, code: broker.groups.delete(group) })),
  fail: (groups, code) => groups.map((group) => ({ group, code })),
  code: (answer) => firstCode(answer.map((group) => group.code)),
  write: (writer, answer) => {
    writer.int32(0).array(answer, ({ group, code }) => writer.string(group).int16(code));
  },
});

function noCoordinator(code: number): Coordinator {
  return { code, id: -1, host: '', port: -1 };
}

function unknownGroup(group: string, code: number): Described {
  return { code, group, state: 'Dead', protocolType: '', protocol: '', members: [] };
}
