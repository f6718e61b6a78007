/** Asks the oracle, in a process of its own. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Verdict } from '../../test/oracle/check.ts';
import type { Question } from '../../test/oracle/main.ts';

const MAIN = fileURLToPath(new URL('../../test/oracle/main.ts', import.meta.url));
const HEAP_MB = 6_000;

/** What the oracle found goes to stderr, through `report`. */
export async function askOracle(question: Question, report: (what: string) => void): Promise<Verdict> {
  // The warning is kafkajs' (issue 1751) and means nothing.
  const flags = [`--max-old-space-size=${HEAP_MB}`, '--disable-warning=TimeoutNegativeWarning'];
  const child = spawn(process.execPath, [...flags, MAIN, JSON.stringify(question)], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  for (const line of err.split('\n')) if (line !== '') report(line);
  if ((await code) !== 0) throw new Error('the oracle ended without a verdict');
  return JSON.parse(out) as Verdict;
}
