/** The commands that look into Snowflake: what they need is opened for them, and closed. */
import { createBudget } from '../checkpoints/budget.ts';
import type { ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import { createEncoders } from '../encoding/encoders.ts';
import { openKafka } from '../open-kafka.ts';
import { openSnowflake } from '../open-snowflake.ts';
import type { Checkpoints, Clock, Telemetry } from '../protocol/ports.ts';
import { sourcePlan } from '../settings.ts';
import { preview, type Preview } from './preview.ts';
import { verify, type Verified } from './verify.ts';

type Ports = { checkpoints: Checkpoints; clock: Clock; telemetry: Telemetry };
type Command =
  { command: 'verify'; window: number | null; showKeys: boolean } | { command: 'preview'; showValues: boolean };

export async function compare(
  config: ResolvedConfig,
  source: ResolvedSource,
  given: Ports,
  command: Command,
): Promise<Verified | Preview> {
  const snowflake = await openSnowflake(config);
  const budget = createBudget(config);
  const ports = {
    ...given,
    snowflake,
    encoders: createEncoders(config, inJson(source)),
    ...(budget !== undefined && { budget }),
  };
  try {
    if (command.command === 'preview') {
      const { safetyLagMs } = config.clocks;
      const { showValues } = command;
      return await preview(ports, source, sourcePlan(config, source), { showValues, safetyLagMs });
    }
    const kafka = await openKafka(config);
    try {
      return await verify({ ...ports, kafka }, source, command);
    } finally {
      await kafka.close();
    }
  } finally {
    await snowflake.close();
  }
}

/** Nobody is to find a schema in the registry that nothing was sent with: what would be Avro or Protobuf is shown as JSON. */
function inJson(source: ResolvedSource): ResolvedSource {
  const { format } = source;
  const plain = (type: typeof format.type) => (type === 'json-with-schema' ? type : 'json');
  return { ...source, format: { ...format, type: plain(format.type), key: plain(format.key) } };
}
