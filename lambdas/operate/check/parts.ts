/** The real parts of a check, with the rights of whoever runs it. */
import { reachBus } from '../../aws/events.ts';
import { registryCredentials } from '../../aws/secrets.ts';
import { createMembers } from '../../checkpoints/members.ts';
import { createCheckpoints } from '../../checkpoints/store.ts';
import type { RecordFormat, ResolvedConfig } from '../../config/resolved.ts';
import { reach } from '../../encoding/registries/registry.ts';
import { openKafka } from '../../open-kafka.ts';
import { openSnowflake } from '../../open-snowflake.ts';
import type { Clock } from '../../protocol/ports/effects.ts';
import type { Parts } from './index.ts';

const REGISTERED = new Set<RecordFormat>(['avro', 'protobuf']);

export function partsOf(config: ResolvedConfig, clock: Clock): Parts {
  return {
    checkpoints: createCheckpoints(config),
    members: createMembers(config),
    clock,
    snowflake: () => openSnowflake(config),
    kafka: () => openKafka(config),
    events: () => reachBus(config),
    registry: async () => {
      const { registry, sources, patterns = [] } = config;
      const all = [...sources, ...patterns.map(({ source, topicPrefix }) => ({ ...source, topic: topicPrefix }))];
      const source = all.find(({ format }) => [format.key, format.type].some((each) => REGISTERED.has(each)));
      if (registry === null || source === undefined) return;
      await reach(registry, await registryCredentials(config, true), `${source.topic}-value`);
    },
  };
}
