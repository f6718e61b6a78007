/** The consumer groups of the broker. A group nobody joined, made by committing an offset, is one as well. */
import type { Clock } from './clock.ts';
import { CODE } from './codes.ts';
import { Membership } from './membership.ts';
import { GroupOffsets } from './offsets.ts';
import type { BrokerOptions } from './options.ts';

export type Group = { id: string; members: Membership; offsets: GroupOffsets };

export class Groups {
  readonly #groups = new Map<string, Group>();
  readonly #options: BrokerOptions;
  readonly #clock: Clock;

  constructor(options: BrokerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get(id: string): Group | undefined {
    return this.#groups.get(id);
  }

  all(): Group[] {
    return [...this.#groups.values()];
  }

  getOrCreate(id: string): Group {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { id, members: new Membership(this.#options.groupInitialRebalanceDelayMs), offsets: new GroupOffsets() };
      this.#groups.set(id, group);
    }
    return group;
  }

  /** A transaction that wrote offsets to the group was decided. */
  endTransaction(id: string, producerId: number, commit: boolean): void {
    const group = this.#groups.get(id);
    group?.offsets.endTransaction(producerId, commit);
    this.#forgetIfUnused(group);
  }

  /** Returns the code of Delete Groups. */
  delete(id: string): number {
    const group = this.#groups.get(id);
    if (group === undefined) return CODE.GROUP_ID_NOT_FOUND;
    if (group.members.hasMembers) return CODE.NON_EMPTY_GROUP;
    this.#drop(group);
    return CODE.NONE;
  }

  /** The offsets of a deleted topic go with it. */
  topicDeleted(topic: string): void {
    for (const group of this.all()) {
      group.offsets.remove((name) => name === topic);
      this.#forgetIfUnused(group);
    }
  }

  /** Each offset of a group without members expires on its own, `offsets.retention.minutes` after its last commit. */
  expireOffsets(): void {
    const before = this.#clock.now() - this.#options.offsetsRetentionMs;
    for (const group of this.all()) {
      if (group.members.hasMembers) continue;
      group.offsets.remove((_topic, _partition, value) => value.committedAt < before);
      this.#forgetIfUnused(group);
    }
  }

  /** Removes offsets of one group as if they had expired; returns how many. */
  removeOffsets(id: string, topic?: string, partition?: number): number {
    const group = this.#groups.get(id);
    const removed = group?.offsets.remove(
      (name, index) => (topic === undefined || name === topic) && (partition === undefined || index === partition),
    );
    this.#forgetIfUnused(group);
    return removed ?? 0;
  }

  close(): void {
    for (const group of this.all()) group.members.close();
  }

  #forgetIfUnused(group: Group | undefined): void {
    if (group !== undefined && group.offsets.isEmpty && !group.members.hasMembers) this.#drop(group);
  }

  #drop(group: Group): void {
    group.members.close();
    this.#groups.delete(group.id);
  }
}
