/** How patterns stand, out of the checkpoint table alone: what the newest look at each schema found. */
import type { ResolvedConfig } from '../lambdas/config/resolved.ts';
import type { Members } from '../lambdas/protocol/ports/checkpoints.ts';
import type { Refusal, StoredError } from '../lambdas/protocol/ports/state.ts';
import { count, fit } from './format.ts';

export type PatternStatus = {
  name: string;
  schema: string;
  /** ms since epoch; null: nobody has looked yet. */
  listedAt: number | null;
  /** Tables that fit, and those that are sources by now. */
  tables: number;
  sources: number;
  refused: Refusal[];
  error: StoredError | null;
};

export async function patternStatuses(
  { patterns = [] }: Pick<ResolvedConfig, 'patterns'>,
  members: Members,
): Promise<PatternStatus[]> {
  return Promise.all(
    patterns.map(async ({ name, schema }) => {
      const [all, listing] = await Promise.all([members.all(name), members.listing(name)]);
      return {
        name,
        schema: `${schema.database}.${schema.schema}`,
        listedAt: listing?.at ?? null,
        tables: listing?.tables ?? 0,
        sources: all.filter(({ goneAt }) => goneAt === null).length,
        refused: listing?.refused ?? [],
        error: listing?.error ?? null,
      };
    }),
  );
}

/** Whether somebody should look at it. */
export function isUnwell({ refused, error }: PatternStatus): boolean {
  return refused.length > 0 || error !== null;
}

export function renderPattern(status: PatternStatus, width: number): string[] {
  const { name, schema, listedAt, tables, sources, refused, error } = status;
  const seen = listedAt === null ? 'not looked at yet' : `looked at ${new Date(listedAt).toISOString()}`;
  const lines = [
    `${name}: ${schema}.*, ${seen}; ${count(tables)} tables, ${count(sources)} of them sources`,
    ...refused.map(({ code, message }) => `  ${code}: ${message}`),
    ...(error === null ? [] : [`  ${error.code}: ${error.message}`]),
  ];
  return lines.map((line) => fit(line, width));
}
