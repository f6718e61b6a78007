/**
 * The Snowflake stand-in as a process of its own. Options come as JSON in the first argument or in
 * SNOWFLAKE_STAND_IN; one line `{"ready":true,"url":...}` goes to stdout; it ends when stdin closes, so it never
 * outlives its parent, not even one that was killed.
 */
import { createEngine } from './engine/engine.ts';
import type { ServerOptions } from './server/options.ts';
import { startServer } from './server/server.ts';

type Options = ServerOptions & { engine?: Parameters<typeof createEngine>[0] };

const options = JSON.parse(process.argv[2] ?? process.env.SNOWFLAKE_STAND_IN ?? '{}') as Options;
const server = await startServer(await createEngine(options.engine ?? {}), options);

process.stdin.resume();
process.stdin.on('close', () => process.exit(0));
process.stdout.write(`${JSON.stringify({ ready: true, url: server.url })}\n`);
