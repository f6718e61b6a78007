/**
 * Imported first by a process of its own: from then on lambdas/checkpoints gets the table in memory for the AWS SDK's client.
 * Under Vitest the same files run three times slower, and there are thousands of runs.
 */
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== '@aws-sdk/client-dynamodb') return next(specifier, context);
    return { url: new URL('dynamodb.ts', import.meta.url).href, shortCircuit: true };
  },
});
