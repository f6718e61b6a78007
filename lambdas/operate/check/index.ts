/**
 * Everything real that a configuration names, looked at without waiting for a tick: all that is wrong together, each with
 * what mends it. Nothing of a source is read or published, and no producer that works is fenced.
 */
import type { ResolvedConfig, ResolvedSource } from '../../config/resolved.ts';
import type { Checkpoints, Members } from '../../protocol/ports/checkpoints.ts';
import type { Clock } from '../../protocol/ports/effects.ts';
import type { Kafka } from '../../protocol/ports/kafka.ts';
import type { Account, Catalog, Snowflake } from '../../protocol/ports/snowflake.ts';
import { Findings, type Report } from './findings.ts';
import { checkKafka } from './kafka.ts';
import { checkPatterns } from './patterns.ts';
import { checkSnowflake } from './snowflake.ts';

export type { Failure, Note, Report } from './findings.ts';
export { partsOf } from './parts.ts';

/** Opened one by one: a secret that can't be read is a finding, too. */
export type Parts = {
  checkpoints: Checkpoints;
  members: Members;
  clock: Clock;
  snowflake: () => Promise<Snowflake & Account & Catalog>;
  kafka: () => Promise<Kafka>;
  /** Resolves when the schema registry answers, or there is none. */
  registry: () => Promise<void>;
  /** Resolves when the bus takes an event. */
  events: () => Promise<void>;
};

/**
 * Of the configuration's sources, and of those that its patterns find now. `deep`: whether keys are unique is asked of large
 * tables, too.
 */
export async function check(parts: Parts, given: ResolvedConfig, deep = false): Promise<Report> {
  const findings = new Findings();
  const { checkpoints, members, clock } = parts;
  const found: ResolvedSource[] = [];
  if (given.patterns !== undefined && given.patterns.length > 0)
    await using(findings, parts.snowflake, async (catalog) => {
      found.push(...(await checkPatterns({ catalog, members, clock }, given, findings)));
    });
  const config = { ...given, sources: [...given.sources, ...found] };
  noteClocks(config, findings);
  await Promise.all([
    using(findings, parts.snowflake, (snowflake) => checkSnowflake({ snowflake, checkpoints, deep }, config, findings)),
    using(findings, parts.kafka, (kafka) => checkKafka({ kafka, checkpoints, clock }, config, findings)),
    findings.attempt(null, () => [], parts.registry),
    findings.attempt(null, () => busFix(config), parts.events),
  ]);
  return findings.report([...config.sources, ...(config.patterns ?? [])].map(({ name }) => name));
}

function busFix({ aws }: ResolvedConfig): string[] {
  return [
    `npx cdk deploy makes the bus ${aws.bus} and gives events:PutEvents on it; without NAT also an endpoint, with aws.vpc.endpoints`,
  ];
}

/** Shorter ones are for stand-ins: commits that Snowflake shows late, and owners that are slow, are what they are for. */
function noteClocks({ clocks }: ResolvedConfig, findings: Findings): void {
  const usual = {
    safetyLag: [clocks.safetyLagMs, 30],
    margin: [clocks.marginMs, 5],
    lease: [clocks.leaseMs, 60],
  } as const;
  for (const [name, [ms, seconds]] of Object.entries(usual)) {
    if (ms < seconds * 1000)
      findings.note(null, `clocks.${name} is ${ms} ms: below ${seconds} s nobody has shown it safe.`);
  }
}

async function using<T extends { close(): Promise<void> }>(
  findings: Findings,
  open: () => Promise<T>,
  work: (port: T) => Promise<void>,
): Promise<void> {
  await findings.attempt(
    null,
    () => [],
    async () => {
      const port = await open();
      try {
        await work(port);
      } finally {
        await port.close();
      }
    },
  );
}
