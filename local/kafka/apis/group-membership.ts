import { randomUUID } from 'node:crypto';
import { defineApi } from '../api.ts';
import { CODE } from '../codes.ts';
import { refusedJoin } from '../membership.ts';
import type { JoinAnswer, JoinRequest, SyncAnswer } from '../membership.ts';

type Member = { group: string; generation: number; memberId: string };
type Assignment = { memberId: string; assignment: Buffer };
type LeaveAnswer = { code: number; members: { memberId: string; code: number }[] };

const SHORTEST_SESSION_MS = 6_000;
const LONGEST_SESSION_MS = 30 * 60 * 1000;

export const joinGroup = defineApi<{ group: string; request: JoinRequest; namesItself: boolean }, JoinAnswer>({
  key: 11,
  name: 'JoinGroup',
  coordinator: 'group',
  versions: [0, 5],
  read: (reader, version) => {
    const group = reader.string();
    const sessionTimeoutMs = reader.int32();
    const rebalanceTimeoutMs = version >= 1 ? reader.int32() : sessionTimeoutMs;
    const memberId = reader.string();
    if (version >= 5) reader.nullableString();
    const protocolType = reader.string();
    const protocols = reader.array(() => ({ name: reader.string(), metadata: reader.bytes() }));
    const request = { memberId, sessionTimeoutMs, rebalanceTimeoutMs, protocolType, protocols };
    return { group, request, namesItself: version >= 4 };
  },
  facts: ({ group }) => ({ group }),
  answer: ({ group: id, request, namesItself }, broker, caller) => {
    if (id === '') return refusedJoin(CODE.INVALID_GROUP_ID, '');
    if (request.sessionTimeoutMs < SHORTEST_SESSION_MS || request.sessionTimeoutMs > LONGEST_SESSION_MS) {
      return refusedJoin(CODE.INVALID_SESSION_TIMEOUT, request.memberId);
    }
    if (request.protocols.length === 0 || request.protocolType === '') {
      return refusedJoin(CODE.INCONSISTENT_GROUP_PROTOCOL, request.memberId);
    }
    // Since v4 a new member is told its id first and comes back with it (KIP-394).
    const given = request.memberId === '' ? `${caller.clientId}-${randomUUID()}` : request.memberId;
    if (request.memberId === '' && namesItself) return refusedJoin(CODE.MEMBER_ID_REQUIRED, given);
    const { members } = broker.groups.getOrCreate(id);
    if (request.memberId !== '' && !namesItself && !members.has(given))
      return refusedJoin(CODE.UNKNOWN_MEMBER_ID, given);
    return members.join({ ...request, memberId: given });
  },
  fail: ({ request }, code) => refusedJoin(code, request.memberId),
  code: (answer) => answer.code,
  write: (writer, answer, version) => {
    if (version >= 2) writer.int32(0);
    writer
      .int16(answer.code)
      .int32(answer.generation)
      .string(answer.protocol)
      .string(answer.leader)
      .string(answer.memberId);
    writer.array(answer.members, ({ memberId, metadata }) => {
      writer.string(memberId);
      if (version >= 5) writer.string(null);
      writer.bytes(metadata);
    });
  },
});

export const syncGroup = defineApi<Member & { assignments: Assignment[] }, SyncAnswer>({
  key: 14,
  name: 'SyncGroup',
  coordinator: 'group',
  versions: [0, 3],
  read: (reader, version) => {
    const member = { group: reader.string(), generation: reader.int32(), memberId: reader.string() };
    if (version >= 3) reader.nullableString();
    return { ...member, assignments: reader.array(() => ({ memberId: reader.string(), assignment: reader.bytes() })) };
  },
  facts: ({ group }) => ({ group }),
  answer: ({ group, generation, memberId, assignments }, broker) =>
    broker.groups.get(group)?.members.sync(memberId, generation, assignments) ?? nothingSynced(CODE.UNKNOWN_MEMBER_ID),
  fail: (_question, code) => nothingSynced(code),
  code: (answer) => answer.code,
  write: (writer, { code, assignment }, version) => {
    if (version >= 1) writer.int32(0);
    writer.int16(code).bytes(assignment);
  },
});

export const heartbeat = defineApi<Member, number>({
  key: 12,
  name: 'Heartbeat',
  coordinator: 'group',
  versions: [0, 3],
  read: (reader) => ({ group: reader.string(), generation: reader.int32(), memberId: reader.string() }),
  facts: ({ group }) => ({ group }),
  answer: ({ group, generation, memberId }, broker) =>
    broker.groups.get(group)?.members.heartbeat(memberId, generation) ?? CODE.UNKNOWN_MEMBER_ID,
  fail: (_question, code) => code,
  code: (answer) => answer,
  write: (writer, code, version) => {
    if (version >= 1) writer.int32(0);
    writer.int16(code);
  },
});

export const leaveGroup = defineApi<{ group: string; memberIds: string[] }, LeaveAnswer>({
  key: 13,
  name: 'LeaveGroup',
  coordinator: 'group',
  versions: [0, 3],
  read: (reader, version) => {
    const group = reader.string();
    if (version < 3) return { group, memberIds: [reader.string()] };
    const memberIds = reader.array(() => {
      const memberId = reader.string();
      reader.nullableString();
      return memberId;
    });
    return { group, memberIds };
  },
  facts: ({ group }) => ({ group }),
  answer: ({ group, memberIds }, broker) => {
    const members = memberIds.map((memberId) => ({
      memberId,
      code: broker.groups.get(group)?.members.leave(memberId) ?? CODE.UNKNOWN_MEMBER_ID,
    }));
    return { code: CODE.NONE, members };
  },
  fail: (_question, code) => ({ code, members: [] }),
  code: (answer) => answer.code,
  write: (writer, { code, members }, version) => {
    if (version >= 1) writer.int32(0);
    // Before v3 there is one member, and its code is the request's.
    writer.int16(version < 3 && code === CODE.NONE ? (members[0]?.code ?? CODE.NONE) : code);
    if (version >= 3) writer.array(members, (m) => writer.string(m.memberId).string(null).int16(m.code));
  },
});

function nothingSynced(code: number): SyncAnswer {
  return { code, assignment: Buffer.alloc(0) };
}
