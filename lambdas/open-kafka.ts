import { kafkaCredentials } from './aws/kafka-credentials.ts';
import type { ResolvedConfig } from './config/resolved.ts';
import { createKafka } from './kafka/client.ts';

/** Signed in by the secret that the configuration names; when it is refused, by what the secret holds by then. */
export async function openKafka(config: ResolvedConfig): Promise<ReturnType<typeof createKafka>> {
  return createKafka(config, await kafkaCredentials(config), () => kafkaCredentials(config, true));
}
