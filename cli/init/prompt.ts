/** Questions on the terminal of whoever runs the command. */
import { createInterface } from 'node:readline/promises';
import { SnowmeltError } from '../../lambdas/errors.ts';
import type { Ask } from './answers.ts';

/** Until it is closed; then, and at the end of the input, a question fails with NOT_WRITTEN. */
export function prompt(): { question: Ask; close: () => void } {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new AbortController();
  terminal.once('close', () => closed.abort());
  const question: Ask = async (text, usual) => {
    const hint = usual === undefined || usual === '' ? '' : ` [${usual}]`;
    try {
      return await terminal.question(`${text}${hint}: `, { signal: closed.signal });
    } catch (cause) {
      throw new SnowmeltError('NOT_WRITTEN', 'Not answered: nothing was written.', { cause });
    }
  };
  return { question, close: () => terminal.close() };
}
