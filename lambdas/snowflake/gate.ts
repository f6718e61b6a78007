/** The gate: token and server time of every source, without a warehouse. */
import { asSnowmeltError, SnowmeltError } from '../errors.ts';
import type { Reading, Watched } from '../protocol/ports/snowflake.ts';
import type { Row } from './session.ts';
import { gateStatement } from './sql/statements.ts';

const objectsPerStatement = 100;

export type Ask = (statement: string) => Promise<Row[]>;

/**
 * Asks with `bare`, in a session that is as account, user and role made it: most of what a quiet deployment sends are these
 * statements, and pinning would double them. What comes back without its lower-case names, or fails, met a session that
 * folds quoted names, perhaps to those of other objects: from there on it is asked with `pinned`.
 */
export function sparing(bare: Ask, pinned: Ask): Ask {
  let doubted = false;
  return async (statement) => {
    if (!doubted) {
      const rows = await bare(statement).catch((error: unknown) => {
        if (!blamesObject(error)) throw error;
        return [];
      });
      if (rows[0] !== undefined && 'now' in rows[0]) return rows;
      doubted = true;
    }
    return pinned(statement);
  };
}

/**
 * A reading per source: the token of its only table, or the tokens of all it watches as one text. A source that watches
 * none gets the time; one with a table that can't be read gets its error.
 */
export async function readGates(ask: Ask, watched: readonly Watched[][]): Promise<(Reading | Error)[]> {
  const readings = await readGate(ask, watched.flat());
  const timed = readings.find((reading) => !(reading instanceof Error)) as Reading | undefined;
  const needsTime = watched.some((objects) => objects.length === 0);
  const time = timed ?? (needsTime ? readingsOf((await ask(gateStatement([])))[0], 1)[0]! : undefined);
  let first = 0;
  return watched.map((objects) => {
    const mine = readings.slice(first, (first += objects.length));
    if (mine.length === 0) return { now: time!.now, token: null };
    const failed = mine.find((reading) => reading instanceof Error);
    if (failed !== undefined) return failed;
    const all = mine as Reading[];
    if (all.length === 1) return all[0]!;
    return { now: Math.min(...all.map(({ now }) => now)), token: JSON.stringify(all.map(({ token }) => token)) };
  });
}

/** A statement that fails is halved until the object it fails for stands alone: only that one gets the error. */
export async function readGate(ask: Ask, objects: readonly Watched[]): Promise<(Reading | Error)[]> {
  const readings: (Reading | Error)[] = [];
  for (let first = 0; first < objects.length; first += objectsPerStatement) {
    readings.push(...(await readPart(ask, objects.slice(first, first + objectsPerStatement))));
  }
  return readings;
}

async function readPart(ask: Ask, objects: readonly Watched[]): Promise<(Reading | Error)[]> {
  try {
    const rows = await ask(gateStatement(objects));
    return readingsOf(rows[0], objects.length);
  } catch (error) {
    if (!blamesObject(error)) throw error;
    if (objects.length === 1) return [asSnowmeltError(error)];
    const half = Math.ceil(objects.length / 2);
    return [...(await readPart(ask, objects.slice(0, half))), ...(await readPart(ask, objects.slice(half)))];
  }
}

/** Snowflake refused the statement; a network or a sign-in that fails would fail for the halves too. */
function blamesObject(error: unknown): boolean {
  return (
    error instanceof SnowmeltError &&
    error.code !== 'SNOWFLAKE_UNREACHABLE' &&
    error.code !== 'SNOWFLAKE_LOGIN' &&
    error.code !== 'UNEXPECTED'
  );
}

function readingsOf(row: Row | undefined, count: number): Reading[] {
  const now = Date.parse(`${String(row?.now).replace(' ', 'T')}Z`);
  if (Number.isNaN(now)) throw new SnowmeltError('RESULT_MALFORMED', 'The gate gave no server time');
  return Array.from({ length: count }, (_, index) => {
    const token = row?.[`t${index}`];
    return { now, token: typeof token === 'string' || typeof token === 'number' ? String(token) : null };
  });
}
