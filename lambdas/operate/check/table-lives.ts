/** What a table was before, and whether its key is one. */
import type { ResolvedSource } from '../../config/resolved.ts';
import { SnowmeltError } from '../../errors.ts';
import type { ObjectFacts } from '../../protocol/ports/snowflake.ts';
import { beginsAnew, readsTable, type Layout } from '../../protocol/window.ts';
import { identifier, qualified } from '../../snowflake/sql/literals.ts';
import type { Findings, FixOf } from './findings.ts';
import { attempt, type Ports } from './snowflake-ports.ts';

/** Up to so many rows a scan is cheap enough for a look. */
const SMALL_ROWS = 1_000_000;

/** `fixOf`: of what Snowflake refuses. */
type TableOf = { source: ResolvedSource; layout: Layout; facts: ObjectFacts; fixOf: FixOf };

/**
 * A table that is made anew loses its history each time. That is a way to load one, and then the source has to know. Answers
 * how many rows it has, null where nobody knows.
 */
export async function checkLives(ports: Ports, table: TableOf, findings: Findings): Promise<number | null> {
  const { source, layout, facts, fixOf } = table;
  const { name } = source;
  const lives = await attempt(findings, name, fixOf, () => ports.snowflake.lives(layout.object));
  if (lives === null) return null;
  if (source.onHistoryLost !== 'resnapshot') {
    const lost = await lostSince(ports, table, findings);
    const setting = `${name}: onHistoryLost: resnapshot`;
    const made = `${qualified(layout.object)} was made anew`;
    const rebuilds = lives.length - 1;
    if (lost !== null) {
      const what = `${made} since window ${lost} was read: what changed in between is lost.`;
      const anew = `npx snowmelt recover ${name} --take anew --reason "..."`;
      findings.fail(name, new SnowmeltError('HISTORY_LOST', what), [setting, anew]);
    } else if (rebuilds > 0) {
      const often = `${rebuilds === 1 ? 'once' : `${rebuilds} times`} within its retention (CREATE OR REPLACE?)`;
      findings.note(name, `${made} ${often}: each time its history is lost, and the source stops.`, [setting]);
    }
  }
  return lives.find(({ createdOn }) => createdOn === facts.createdOn)?.rows ?? null;
}

/** The number of the newest window, if that was read from an earlier table of the name. */
async function lostSince(ports: Ports, table: TableOf, findings: Findings): Promise<number | null> {
  const { source, layout, facts } = table;
  const state = await findings.attempt(
    source.name,
    () => [],
    () => ports.checkpoints.look(source.name),
  );
  const head = state?.head ?? null;
  if (head === null || beginsAnew(head) || !readsTable(head)) return null;
  const read = state!.layouts.get(head.layout)?.object;
  const same = JSON.stringify(read) === JSON.stringify(layout.object);
  return same && head.createdOn !== facts.createdOn ? head.number : null;
}

/** Two rows of one key would stop the source. */
export async function checkKey(ports: Ports, table: TableOf, rows: number | null, findings: Findings): Promise<void> {
  const { source, layout, facts, fixOf } = table;
  const { name, key } = source;
  if (layout.information !== 'DEFAULT' || key.length === 0 || rows === 0) return;
  const list = key.join(', ');
  if (!ports.deep && (rows === null || rows > SMALL_ROWS)) {
    const size = rows === null ? 'its size is not known' : `it has ${rows.toLocaleString('en-US')} rows`;
    findings.note(name, `Whether key ${list} is unique was not looked at, ${size}: \`--deep\` scans the table.`);
    return;
  }
  const count = await attempt(findings, name, fixOf, () =>
    ports.snowflake.duplicates(withoutHashes(layout), facts.columns),
  );
  if (count === null || count === 0) return;
  const full = qualified(layout.object);
  const quoted = key.map((column) => identifier(column)).join(', ');
  const values = count === 1 ? '1 value' : `${count} values`;
  const what = `More than one row of ${full} has the same key ${list}: ${values} of it.`;
  findings.fail(name, new SnowmeltError('DUPLICATE_KEY', what), [
    `SELECT ${quoted}, COUNT(*) FROM ${full} GROUP BY ${quoted} HAVING COUNT(*) > 1;`,
    `delete all but one row of each, or ${name}: key: of columns that are unique together`,
  ]);
}

/** Hashes of two values differ as the values do, and their salt is not here. */
function withoutHashes(layout: Layout): Layout {
  const { shape } = layout;
  if (!shape) return layout;
  return { ...layout, shape: { ...shape, masks: shape.masks.filter(({ mask }) => mask.kind !== 'hash') } };
}
