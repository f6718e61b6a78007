/**
 * The members of one group and its rebalances (the classic protocol).
 *
 *   empty -> preparing (everybody joins) -> completing (the leader assigns) -> stable
 *
 * A member that does not join, or is silent for its session time-out, is taken out.
 */
import { CODE } from './codes.ts';

export type MembershipState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';
export type Protocol = { name: string; metadata: Buffer };

export type JoinRequest = {
  memberId: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocolType: string;
  protocols: Protocol[];
};

export type JoinAnswer = {
  code: number;
  generation: number;
  protocol: string;
  leader: string;
  memberId: string;
  members: { memberId: string; metadata: Buffer }[];
};

export type SyncAnswer = { code: number; assignment: Buffer };

type Member = {
  id: string;
  request: JoinRequest;
  assignment: Buffer;
  joined: ((answer: JoinAnswer) => void) | null;
  synced: ((answer: SyncAnswer) => void) | null;
  session: NodeJS.Timeout | null;
};

const NOTHING = Buffer.alloc(0);

export class Membership {
  readonly #initialDelayMs: number;
  readonly #members = new Map<string, Member>();
  #state: MembershipState = 'Empty';
  #generation = 0;
  #leader = '';
  #protocol = '';
  #protocolType = '';
  #rebalance: NodeJS.Timeout | null = null;
  #firstRound = false;

  constructor(initialDelayMs: number) {
    this.#initialDelayMs = initialDelayMs;
  }

  get state(): MembershipState {
    return this.#state;
  }

  get protocolType(): string {
    return this.#protocolType;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get hasMembers(): boolean {
    return this.#members.size > 0;
  }

  describe(): { memberId: string; metadata: Buffer; assignment: Buffer }[] {
    return [...this.#members.values()].map((m) => ({
      memberId: m.id,
      metadata: this.#metadataOf(m),
      assignment: m.assignment,
    }));
  }

  has(memberId: string): boolean {
    return this.#members.has(memberId);
  }

  /** NONE if the member is one of this generation. */
  check(memberId: string, generation: number): number {
    if (!this.#members.has(memberId)) return CODE.UNKNOWN_MEMBER_ID;
    return generation === this.#generation ? CODE.NONE : CODE.ILLEGAL_GENERATION;
  }

  /** Answers when the rebalance that it starts, or takes part in, is through. */
  join(request: JoinRequest): Promise<JoinAnswer> {
    if (this.#members.size > 0 && !this.#sharesProtocol(request)) {
      return Promise.resolve(refusedJoin(CODE.INCONSISTENT_GROUP_PROTOCOL, request.memberId));
    }
    this.#protocolType = request.protocolType;
    const member = this.#members.get(request.memberId) ?? this.#newMember(request);
    member.request = request;
    stopTimer(member.session);
    return new Promise((resolve) => {
      member.joined?.(refusedJoin(CODE.UNKNOWN_MEMBER_ID, member.id));
      member.joined = resolve;
      this.#startRebalance();
      this.#finishWhenAllJoined();
    });
  }

  sync(
    memberId: string,
    generation: number,
    assignments: { memberId: string; assignment: Buffer }[],
  ): Promise<SyncAnswer> {
    const code = this.check(memberId, generation);
    if (code !== CODE.NONE) return Promise.resolve({ code, assignment: NOTHING });
    if (this.#state === 'PreparingRebalance')
      return Promise.resolve({ code: CODE.REBALANCE_IN_PROGRESS, assignment: NOTHING });
    this.#touch(memberId);
    if (memberId === this.#leader && this.#state === 'CompletingRebalance') this.#assign(assignments);
    const member = this.#members.get(memberId)!;
    if (this.#state === 'Stable') return Promise.resolve({ code: CODE.NONE, assignment: member.assignment });
    return new Promise((resolve) => (member.synced = resolve));
  }

  heartbeat(memberId: string, generation: number): number {
    const code = this.check(memberId, generation);
    if (code !== CODE.NONE) return code;
    this.#touch(memberId);
    return this.#state === 'PreparingRebalance' ? CODE.REBALANCE_IN_PROGRESS : CODE.NONE;
  }

  leave(memberId: string): number {
    const member = this.#members.get(memberId);
    if (member === undefined) return CODE.UNKNOWN_MEMBER_ID;
    this.#remove(member);
    return CODE.NONE;
  }

  close(): void {
    stopTimer(this.#rebalance);
    for (const member of this.#members.values()) stopTimer(member.session);
  }

  #newMember(request: JoinRequest): Member {
    const member: Member = {
      id: request.memberId,
      request,
      assignment: NOTHING,
      joined: null,
      synced: null,
      session: null,
    };
    this.#members.set(member.id, member);
    return member;
  }

  #sharesProtocol(request: JoinRequest): boolean {
    if (this.#protocolType !== '' && request.protocolType !== this.#protocolType) return false;
    return request.protocols.some(({ name }) => this.#everybodyHas(name));
  }

  #everybodyHas(name: string): boolean {
    return [...this.#members.values()].every((m) => m.request.protocols.some((p) => p.name === name));
  }

  #metadataOf(member: Member): Buffer {
    return member.request.protocols.find((p) => p.name === this.#protocol)?.metadata ?? NOTHING;
  }

  #startRebalance(): void {
    if (this.#state === 'PreparingRebalance') return;
    this.#firstRound = this.#state === 'Empty';
    this.#state = 'PreparingRebalance';
    for (const member of this.#members.values()) {
      member.synced?.({ code: CODE.REBALANCE_IN_PROGRESS, assignment: NOTHING });
      member.synced = null;
      member.assignment = NOTHING;
    }
    const longest = Math.max(...[...this.#members.values()].map((m) => m.request.rebalanceTimeoutMs));
    this.#rebalance = setTimeout(() => this.#finishRebalance(), this.#firstRound ? this.#initialDelayMs : longest);
  }

  /** The first round waits for its delay, so that members starting together need one rebalance. */
  #finishWhenAllJoined(): void {
    if (this.#state !== 'PreparingRebalance' || this.#firstRound) return;
    if ([...this.#members.values()].every((m) => m.joined !== null)) this.#finishRebalance();
  }

  #finishRebalance(): void {
    stopTimer(this.#rebalance);
    for (const member of [...this.#members.values()]) {
      if (member.joined !== null) continue;
      stopTimer(member.session);
      this.#members.delete(member.id);
    }
    if (this.#members.size === 0) {
      this.#state = 'Empty';
      return;
    }
    this.#generation += 1;
    this.#state = 'CompletingRebalance';
    if (!this.#members.has(this.#leader)) this.#leader = [...this.#members.keys()][0]!;
    this.#protocol =
      this.#members.get(this.#leader)!.request.protocols.find((p) => this.#everybodyHas(p.name))?.name ?? '';
    for (const member of [...this.#members.values()]) this.#answerJoin(member);
  }

  #answerJoin(member: Member): void {
    const members = member.id === this.#leader ? [...this.#members.values()] : [];
    member.joined?.({
      code: CODE.NONE,
      generation: this.#generation,
      protocol: this.#protocol,
      leader: this.#leader,
      memberId: member.id,
      members: members.map((m) => ({ memberId: m.id, metadata: this.#metadataOf(m) })),
    });
    member.joined = null;
    this.#touch(member.id);
  }

  #assign(assignments: { memberId: string; assignment: Buffer }[]): void {
    this.#state = 'Stable';
    for (const { memberId, assignment } of assignments) {
      const member = this.#members.get(memberId);
      if (member !== undefined) member.assignment = assignment;
    }
    for (const member of this.#members.values()) {
      member.synced?.({ code: CODE.NONE, assignment: member.assignment });
      member.synced = null;
    }
  }

  #touch(memberId: string): void {
    const member = this.#members.get(memberId);
    if (member === undefined) return;
    stopTimer(member.session);
    member.session = setTimeout(() => {
      if (member.joined === null) this.#remove(member);
    }, member.request.sessionTimeoutMs);
  }

  #remove(member: Member): void {
    stopTimer(member.session);
    member.joined?.(refusedJoin(CODE.UNKNOWN_MEMBER_ID, member.id));
    member.synced?.({ code: CODE.UNKNOWN_MEMBER_ID, assignment: NOTHING });
    this.#members.delete(member.id);
    if (this.#members.size === 0) {
      stopTimer(this.#rebalance);
      this.#state = 'Empty';
      return;
    }
    this.#startRebalance();
    this.#finishWhenAllJoined();
  }
}

export function refusedJoin(code: number, memberId: string): JoinAnswer {
  return { code, generation: -1, protocol: '', leader: '', memberId, members: [] };
}

function stopTimer(timer: NodeJS.Timeout | null): void {
  if (timer !== null) clearTimeout(timer);
}
