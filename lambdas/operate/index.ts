/** The operate function: one operator's command, inside the network of the brokers. Answers what it found or did. */
import { createTelemetry } from '../aws/telemetry.ts';
import { createMembers } from '../checkpoints/members.ts';
import { createCheckpoints } from '../checkpoints/store.ts';
import type { ResolvedConfig, ResolvedPattern, ResolvedSource } from '../config/resolved.ts';
import { readResolvedConfig } from '../config/runtime.ts';
import { SnowmeltError } from '../errors.ts';
import { clockOf, told, type LambdaContext } from '../invocation.ts';
import { openKafka } from '../open-kafka.ts';
import { dropDeadLetters, repairKeys, replay, resnapshot, voidWindow } from '../protocol/operate.ts';
import type { Checkpoints } from '../protocol/ports/checkpoints.ts';
import type { Clock, Telemetry } from '../protocol/ports/effects.ts';
import { inspect, recover, type RecoverPorts, type Way } from '../protocol/recover.ts';
import { sourcePlan } from '../settings.ts';
import { findSource } from '../sources.ts';
import type { Report } from './check/index.ts';
import { deadLetters, type LetterOptions } from './dead-letters.ts';
import type { KeyRequest, Keys } from './keys.ts';

/**
 * `sources` and `patterns`: an edit that is not deployed yet. What the function signs in to is always what was deployed: an event must not
 * lead its credentials elsewhere.
 */
export type CheckCommand = {
  command: 'check';
  sources?: ResolvedSource[];
  patterns?: ResolvedPattern[];
  deep?: boolean;
};

/** Which tables the deployment's own role sees there; for a configuration that is still to be written. */
export type TablesCommand = { command: 'tables'; database: string; schema: string };

export type SourceCommand = { source: string; who: string; reason: string } & (
  | { command: 'inspect' }
  | { command: 'resnapshot' }
  | { command: 'replay'; since: string | number }
  | { command: 'keys'; keys: Keys }
  | { command: 'where'; where: string }
  | { command: 'repair'; keys: KeyRequest }
  | { command: 'void'; window: number }
  | { command: 'recover'; take: Way }
  | { command: 'verify'; window: number | null; showKeys: boolean; repair?: boolean }
  | { command: 'preview'; showValues: boolean }
  | ({ command: 'deadletters' } & LetterOptions)
  | { command: 'replay-deadletters' }
  | { command: 'drop-deadletters'; through: number | null }
);

export type OperatorCommand = CheckCommand | TablesCommand | SourceCommand;

/** Change nothing, and their answers are not kept: they may hold keys and values. */
const LOOKS = new Set<SourceCommand['command']>(['inspect', 'verify', 'preview', 'deadletters']);

export async function handler(event: OperatorCommand, context: LambdaContext): Promise<unknown> {
  const config = readResolvedConfig();
  const telemetry = createTelemetry(config.app, 'operate', context.awsRequestId);
  return told(telemetry, async () => {
    if (event.command === 'check') return look(config, event, clockOf(context));
    if (event.command === 'tables') return (await import('./tables.ts')).tables(config, event);
    const checkpoints = createCheckpoints(config);
    const clock = clockOf(context);
    const found = await findSource(config, createMembers(config), event.source);
    const answer = await run(config, found, checkpoints, clock, telemetry, event);
    if (LOOKS.has(event.command)) return answer;
    const { source, who, reason, ...what } = event;
    await checkpoints.audit(source, {
      who,
      what: noted(what.command === 'keys' ? { ...what, keys: what.keys.rows.length } : what),
      why: reason,
      before: '',
      after: noted(answer ?? null),
      at: clock.now(),
    });
    telemetry.info('operator command', { source, command: event.command });
    return answer;
  }).catch((error: unknown) => {
    // Lambda tells the caller an error's name and message.
    throw error instanceof SnowmeltError ? Object.assign(error, { name: error.code }) : error;
  });
}

/** What was done is told to people: without the condition of rows, which may have values in it. The window's item has it. */
function noted(value: unknown): string {
  return JSON.stringify(value, (name, part: unknown) => (name === 'where' ? undefined : part));
}

async function look(
  deployed: ResolvedConfig,
  { sources, patterns = [], deep }: CheckCommand,
  clock: Clock,
): Promise<Report> {
  const config = sources === undefined ? deployed : { ...deployed, sources, patterns };
  // Loaded when it is needed: snowflake-sdk is the larger part of the bundle, and no other command needs it.
  const { check, partsOf } = await import('./check/index.ts');
  return check(partsOf(config, clock), config, deep);
}

async function run(
  config: ResolvedConfig,
  found: ResolvedSource,
  checkpoints: Checkpoints,
  clock: Clock,
  telemetry: Telemetry,
  event: SourceCommand,
) {
  const { source } = event;
  switch (event.command) {
    case 'replay':
      return replay(checkpoints, source, event.since);
    case 'resnapshot':
      return resnapshot(checkpoints, source);
    case 'repair':
      return repairKeys(checkpoints, source, event.keys);
    case 'void':
      return voidWindow(checkpoints, source, event.window);
    case 'drop-deadletters':
      return dropDeadLetters(checkpoints, source, event.through);
    case 'deadletters': {
      const kafka = await openKafka(config);
      try {
        return await deadLetters({ checkpoints, kafka, clock }, config, found, event);
      } finally {
        await kafka.close();
      }
    }
    case 'keys':
    case 'where':
    case 'replay-deadletters':
    case 'verify':
    case 'preview': {
      // Snowflake's client is large, and the other commands need none of it.
      const { compare } = await import('./compare.ts');
      return compare(config, found, { checkpoints, clock, telemetry }, event);
    }
    case 'inspect':
    case 'recover': {
      const kafka = await openKafka(config);
      const ports: RecoverPorts = { checkpoints, kafka, clock };
      const settings = { leaseMs: config.clocks.leaseMs, offsetsRetentionMs: config.kafka.offsetsRetentionMs };
      const plan = sourcePlan(config, found);
      try {
        return await (event.command === 'inspect'
          ? inspect(ports, settings, plan)
          : recover(ports, settings, plan, event.take));
      } finally {
        await kafka.close();
      }
    }
  }
}
