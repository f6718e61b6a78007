/** What patterns find now: the tables that are, or will be, sources, and why others can't be. */
import { patternGrants } from '../../config/grants.ts';
import { memberSource } from '../../config/patterns.ts';
import type { ResolvedConfig, ResolvedPattern, ResolvedSource } from '../../config/resolved.ts';
import { SnowmeltError, type ErrorCode } from '../../errors.ts';
import { changesOf, tooLarge } from '../../protocol/discover.ts';
import type { Members } from '../../protocol/ports/checkpoints.ts';
import type { Clock } from '../../protocol/ports/effects.ts';
import type { Account, Catalog } from '../../protocol/ports/snowflake.ts';
import type { Refusal } from '../../protocol/ports/state.ts';
import { orShared } from '../../snowflake/rights.ts';
import { qualified } from '../../snowflake/sql/literals.ts';
import { patternPlan } from '../../sources.ts';
import type { Findings } from './findings.ts';
import { attempt } from './snowflake-ports.ts';

type Ports = { catalog: Catalog & Pick<Account, 'shareOf'>; members: Members; clock: Clock };

/** The sources, to be checked like all others. */
export async function checkPatterns(
  ports: Ports,
  config: ResolvedConfig,
  findings: Findings,
): Promise<ResolvedSource[]> {
  const found: ResolvedSource[] = [];
  for (const pattern of config.patterns ?? []) {
    const { name, schema } = pattern;
    const fixOf = ({ code }: SnowmeltError) =>
      code === 'OBJECT_MISSING' ? orShared(config.snowflake, schema, patternGrants(config.snowflake, schema)) : [];
    const sources = await attempt(findings, name, fixOf, () => look(ports, config, pattern, findings));
    found.push(...(sources ?? []));
  }
  return found;
}

async function look(
  { catalog, members, clock }: Ports,
  config: ResolvedConfig,
  pattern: ResolvedPattern,
  findings: Findings,
): Promise<ResolvedSource[]> {
  const { name, schema, maxTables } = pattern;
  const plan = patternPlan(config, pattern);
  const fitting = (await catalog.tables(schema)).filter((table) => plan.picks(table.name));
  const keys = pattern.key === null ? await catalog.primaryKeys(schema) : new Map<string, string[]>();
  const known = await members.all(name);
  const { put, refused } = changesOf(plan, known, fitting, keys, clock.now());
  const share = refused.length > 0 ? await catalog.shareOf(schema.database) : null;
  for (const refusal of refused)
    findings.fail(name, new SnowmeltError(refusal.code as ErrorCode, refusal.message), fix(pattern, refusal, share));
  findings.note(name, `${fitting.length} tables fit, ${refused.length} of them can't be sources.`);
  if (fitting.length > maxTables)
    findings.fail(name, tooLarge(pattern, fitting.length), [`${name}: maxTables: ${fitting.length}`]);
  const changed = new Map(put.map(({ member }) => [member.table, member]));
  const all = [...known.filter(({ table }) => !changed.has(table)), ...changed.values()];
  return all.filter(({ goneAt }) => goneAt === null).map((member) => memberSource(pattern, member));
}

function fix({ name, schema }: ResolvedPattern, { table, code }: Refusal, share: string | null): string[] {
  const object = qualified({ ...schema, name: table });
  const alter = (setting: string) =>
    share === null
      ? `ALTER TABLE ${object} SET ${setting};`
      : `-- ask the provider of share ${share} to set ${setting} on ${object}, by its name there`;
  if (code === 'TRACKING_OFF') return [alter('CHANGE_TRACKING = TRUE')];
  if (code === 'RETENTION_ZERO') return [alter('DATA_RETENTION_TIME_IN_DAYS = 1')];
  return [`${name}: exclude: ['"${table.replaceAll('"', '""')}"'], and a source of its own`];
}
