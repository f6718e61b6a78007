/** Started by functions.ts: runs the handler that a message names and answers with what came of it. */
import { inspect } from 'node:util';
import { handler as operate } from '../../lambdas/operate/index.ts';
import { handler as plan } from '../../lambdas/plan/index.ts';
import { handler as publish } from '../../lambdas/publish/index.ts';
import { handler as recount } from '../../lambdas/recount/index.ts';
import type { Invocation, Outcome } from './functions.ts';

const REMAINING_MS = 60_000;

function run(invocation: Invocation): Promise<unknown> {
  const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => REMAINING_MS };
  switch (invocation.fn) {
    case 'plan':
      return plan(invocation.event, context);
    case 'publish':
      return publish(invocation.event, context);
    case 'operate':
      return operate(invocation.event, context);
    case 'recount':
      return recount(invocation.event, context);
  }
}

async function outcomeOf(invocation: Invocation): Promise<Outcome> {
  process.env['SNOWMELT_CONFIG'] = invocation.config;
  try {
    return { answer: (await run(invocation)) ?? null };
  } catch (error) {
    // More than Lambda prints: whatever hangs on the error.
    console.error(inspect(error, { depth: 10 }));
    const { name, message, stack } = error as Error;
    return { failure: { ...(error as object), errorType: name, errorMessage: message, trace: stack } };
  }
}

process.on('message', (invocation: Invocation) => {
  void outcomeOf(invocation).then((outcome) => process.send!(outcome));
});
