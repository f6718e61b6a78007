/** The commands over HTTP: `POST /<command>` with the argument as JSON, answered with the result as JSON. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CommandName, Commands } from './commands.ts';

export type ControlServer = { url: string; close(): Promise<void> };

export async function startControl(commands: Commands): Promise<ControlServer> {
  const server = http.createServer((request, response) => {
    void answer(commands, request).then(
      (result) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result)),
      (error: unknown) => response.writeHead(400).end(error instanceof Error ? error.message : 'failed'),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(commands: Commands, request: http.IncomingMessage): Promise<unknown> {
  const name = (request.url ?? '/').slice(1);
  if (!Object.hasOwn(commands, name)) throw new Error(`no command ${name}`);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const command = commands[name as CommandName] as (argument: unknown) => unknown;
  return (await command(text === '' ? undefined : JSON.parse(text))) ?? null;
}
