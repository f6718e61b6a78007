/** Lambda's Runtime API. One server serves all environments; each has its own path prefix, so that it need not say who it is. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, readBody, type Listening } from '../http.ts';
import type { Environment } from './environment.ts';
import type { Failure } from './notices.ts';

export type RuntimeApi = {
  /** Value of AWS_LAMBDA_RUNTIME_API for the environment that `register` gets with the same id. */
  address(id: string): string;
  register(id: string, environment: Environment): void;
  forget(id: string): void;
  close(): Promise<void>;
};

export async function startRuntimeApi(): Promise<RuntimeApi> {
  const environments = new Map<string, Environment>();
  const server: Listening = await listen((request, response) => {
    serve(environments, request, response).catch(() => response.destroy());
  });
  return {
    address: (id) => `127.0.0.1:${server.port}/${id}`,
    register: (id, environment) => void environments.set(id, environment),
    forget: (id) => void environments.delete(id),
    close: () => server.close(),
  };
}

async function serve(all: Map<string, Environment>, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, id = '', , , what = '', ...rest] = (request.url ?? '').split('/');
  const environment = all.get(id);
  if (environment === undefined) return void response.writeHead(404).end();
  if (what === 'invocation' && rest[0] === 'next') return environment.next(response);

  const body = JSON.parse((await readBody(request)).toString() || 'null') as unknown;
  if (what === 'init') environment.initError(failureOf('init', body));
  const [invocation = '', kind] = rest;
  if (kind === 'response') await environment.answer(invocation, { payload: body });
  if (kind === 'error') await environment.answer(invocation, { failure: failureOf('error', body) });
  response.writeHead(202).end();
}

function failureOf(reason: 'error' | 'init', body: unknown): Failure {
  const { errorType, errorMessage } = body as { errorType?: string; errorMessage?: string };
  return { reason, type: errorType ?? 'Error', message: errorMessage ?? '' };
}
