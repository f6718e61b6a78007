/** Process that serves dynalite on a free port of 127.0.0.1, prints the port, and ends when its stdin does. */
import { createRequire } from 'node:module';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dieWithParent } from './die-with-parent.ts';

// CommonJS without types.
const dynalite = createRequire(import.meta.url)('dynalite') as (options: { createTableMs: number }) => Server;

dieWithParent();
const server = dynalite({ createTableMs: 0 });
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
