/** Every request type the broker serves, by its key. */
import type { Api } from '../api.ts';
import { alterConfigs, describeConfigs } from './config-admin.ts';
import { apiVersions, saslAuthenticate, saslHandshake } from './connection.ts';
import { fetch } from './fetch.ts';
import { deleteGroups, describeGroups, findCoordinator, listGroups } from './group-admin.ts';
import { heartbeat, joinGroup, leaveGroup, syncGroup } from './group-membership.ts';
import { listOffsets } from './list-offsets.ts';
import { metadata } from './metadata.ts';
import { offsetCommit } from './offset-commit.ts';
import { offsetFetch } from './offset-fetch.ts';
import { produce } from './produce.ts';
import { createPartitions, createTopics, deleteRecords, deleteTopics } from './topic-admin.ts';
import { addOffsetsToTxn, addPartitionsToTxn, endTxn, initProducerId, txnOffsetCommit } from './transactions.ts';

const ALL: readonly Api[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions(() => ALL),
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  addPartitionsToTxn,
  addOffsetsToTxn,
  endTxn,
  txnOffsetCommit,
  describeConfigs,
  alterConfigs,
  saslAuthenticate,
  createPartitions,
  deleteGroups,
];

export const APIS: ReadonlyMap<number, Api> = new Map(ALL.map((api) => [api.key, api]));
