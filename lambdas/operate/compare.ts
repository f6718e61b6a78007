/** The commands that look into Snowflake: what they need is opened for them, and closed. */
import { registryCredentials } from '../aws/secrets.ts';
import { createBudget } from '../checkpoints/budget.ts';
import { parseExpression } from '../config/expressions.ts';
import type { ResolvedConfig, ResolvedSource } from '../config/resolved.ts';
import { createEncoders } from '../encoding/encoders.ts';
import { readersOf } from '../encoding/read-back.ts';
import { openKafka } from '../open-kafka.ts';
import { openSnowflake } from '../open-snowflake.ts';
import { mustLook, mustReadRows, repairKeys, refused, resend } from '../protocol/operate.ts';
import { newestLayout } from '../protocol/past.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { Clock, Telemetry } from '../protocol/ports/effects.ts';
import type { Snowflake } from '../protocol/ports/snowflake.ts';
import type { WindowRequest } from '../protocol/ports/state.ts';
import { sourcePlan } from '../settings.ts';
import { replayLetters } from './dead-letters.ts';
import { stageKeys, type Keys } from './keys.ts';
import { preview, type Preview } from './preview.ts';
import { verify, type Verified, type VerifyPorts } from './verify.ts';

type Ports = { checkpoints: Checkpoints; clock: Clock; telemetry: Telemetry };
type Command =
  | { command: 'verify'; window: number | null; showKeys: boolean; repair?: boolean }
  | { command: 'preview'; showValues: boolean }
  | { command: 'keys'; keys: Keys }
  | { command: 'where'; where: string }
  | { command: 'replay-deadletters' };

export async function compare(
  config: ResolvedConfig,
  source: ResolvedSource,
  given: Ports,
  command: Command,
): Promise<Verified | Preview | WindowRequest> {
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
    if (command.command === 'keys')
      return await repairKeys(given.checkpoints, source.name, await stageKeys(ports, source.name, command.keys));
    if (command.command === 'where') return await resendWhere(ports, source.name, command.where);
    const credentials = isFramed(source) ? await registryCredentials(config) : null;
    const readers: VerifyPorts['readers'] = (columns, key) => readersOf(config, source, columns, key, credentials);
    const kafka = await openKafka(config);
    try {
      if (command.command === 'replay-deadletters') return await replayLetters({ ...ports, kafka }, config, source);
      return await verify({ ...ports, kafka, readers }, source, command);
    } finally {
      await kafka.close();
    }
  } finally {
    await snowflake.close();
  }
}

/**
 * A condition is what `where` of a configuration may be: one over the columns of a row, the same at any time. Snowflake compiles the
 * window's own text before it is asked for.
 */
async function resendWhere(
  { snowflake, checkpoints }: { snowflake: Snowflake; checkpoints: Checkpoints },
  source: string,
  condition: string,
): Promise<WindowRequest> {
  const parsed = parseExpression(condition);
  if ('error' in parsed) throw refused(`--where ${parsed.error}.`);
  const state = await mustLook(checkpoints, source);
  const { to } = mustReadRows(source, state);
  const layout = newestLayout(state.layouts)!;
  const { columns } = await snowflake.describe(layout.object);
  await snowflake.compile(snowflake.statement({ kind: 'repair', layout, columns, from: null, to, where: parsed.sql }));
  return resend(checkpoints, source, parsed.sql);
}

function isFramed({ format }: ResolvedSource): boolean {
  return [format.type, format.key].some((type) => type === 'avro' || type === 'protobuf');
}

/** Nobody is to find a schema in the registry that nothing was sent with: what would be Avro or Protobuf is shown as JSON. */
function inJson(source: ResolvedSource): ResolvedSource {
  const { format } = source;
  const plain = (type: typeof format.type) => (type === 'json-with-schema' ? type : 'json');
  return { ...source, format: { ...format, type: plain(format.type), key: plain(format.key) } };
}
