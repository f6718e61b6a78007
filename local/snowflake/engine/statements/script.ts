/** A block of Snowflake Scripting: its statements one after the other, in the session and its transaction. */
import type { EngineResult } from '../../contract.ts';
import type { ScriptStep, Statement } from '../parse/ast.ts';
import { smallResult, STATEMENT_TYPE } from '../results.ts';
import { resultColumn, text } from '../types.ts';
import type { Prepared, Run } from './run.ts';
import { rollback } from './transactions.ts';

type Script = Extract<Statement, { k: 'script' }>;

const NAME = 'anonymous block';

export function prepareScript({ body, handler }: Script, run: Run): Prepared {
  const { core, host, queryId } = run;
  return {
    needsWarehouse: true,
    statementTypeId: STATEMENT_TYPE.select,
    readOnly: false,
    columns: () => [resultColumn(NAME, text(), true)],
    execute: async () => {
      try {
        await steps(body, run, { rows: 0 }, null);
      } catch (error) {
        // Who is cancelled runs no handler, and nobody else would end the transaction.
        if (run.signal?.aborted) await rollback(host);
        if (handler === null || run.signal?.aborted) throw error;
        await steps(handler, run, { rows: 0 }, error);
      }
      return smallResult(core, queryId, host.owner, [[NAME, text()]], [[null]], STATEMENT_TYPE.select);
    },
  };
}

/** `last.rows` is SQLROWCOUNT; `raised` what RAISE throws on. */
async function steps(list: ScriptStep[], run: Run, last: { rows: number }, raised: unknown): Promise<void> {
  for (const step of list) {
    if (step.k === 'raise') throw raised;
    if (step.k === 'if') await steps(last.rows === step.rows ? step.then : step.otherwise, run, last, raised);
    else last.rows = await affected(await run.host.step(step.statement, run));
  }
}

async function affected(result: EngineResult): Promise<number> {
  const isDml = result.statementTypeId >= STATEMENT_TYPE.insert && result.statementTypeId <= STATEMENT_TYPE.merge;
  const [row] = isDml ? (JSON.parse(`[${Buffer.from(await result.chunk(0, 1)).toString()}]`) as string[][]) : [];
  await result.drop();
  return Number(row?.[0] ?? 0);
}
