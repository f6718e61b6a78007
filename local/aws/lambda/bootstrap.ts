/**
 * The process of one execution environment: loads the handler, then asks the Runtime API for one invocation after
 * another, as Lambda's own Node runtime does.
 */
import { request } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dieWithParent } from '../die-with-parent.ts';

type Context = {
  awsRequestId: string;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
  logGroupName: string;
  logStreamName: string;
  callbackWaitsForEmptyEventLoop: boolean;
  getRemainingTimeInMillis(): number;
};
type Handler = (event: unknown, context: Context) => unknown;
type Reply = { headers: NodeJS.Dict<string | string[]>; body: string };

const environment = (name: string) => process.env[name] ?? '';
const api = `http://${environment('AWS_LAMBDA_RUNTIME_API')}/2018-06-01/runtime`;

/** No timeout: `next` waits as long as the environment is idle. */
function call(method: string, path: string, body = ''): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request(api + path, { method }, (reply) => {
      const parts: Buffer[] = [];
      reply.on('data', (part: Buffer) => parts.push(part)).on('error', reject);
      reply.on('end', () => resolve({ headers: reply.headers, body: Buffer.concat(parts).toString() }));
    });
    sent.on('error', reject).end(body);
  });
}

function errorBody(error: unknown): string {
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return JSON.stringify({ errorType: name, errorMessage: message, stackTrace: stack?.split('\n') });
}

async function load(): Promise<Handler> {
  const [file = '', name = ''] = environment('_HANDLER').split('.');
  const path = join(environment('LAMBDA_TASK_ROOT'), `${file}.mjs`);
  const loaded = (await import(pathToFileURL(path).href)) as Record<string, Handler>;
  if (loaded[name] === undefined) throw new Error(`${path} exports no ${name}`);
  return loaded[name];
}

async function serve(handler: Handler): Promise<never> {
  for (;;) {
    const { headers, body } = await call('GET', '/invocation/next');
    const header = (name: string) => String(headers[`lambda-runtime-${name}`]);
    const id = header('aws-request-id');
    const deadline = Number(header('deadline-ms'));
    const context: Context = {
      awsRequestId: id,
      functionName: environment('AWS_LAMBDA_FUNCTION_NAME'),
      functionVersion: '$LATEST',
      invokedFunctionArn: header('invoked-function-arn'),
      memoryLimitInMB: environment('AWS_LAMBDA_FUNCTION_MEMORY_SIZE'),
      logGroupName: environment('AWS_LAMBDA_LOG_GROUP_NAME'),
      logStreamName: environment('AWS_LAMBDA_LOG_STREAM_NAME'),
      callbackWaitsForEmptyEventLoop: true,
      getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
    };
    let outcome: { path: string; body: string };
    try {
      const answer = await handler(JSON.parse(body), context);
      outcome = { path: 'response', body: JSON.stringify(answer ?? null) };
    } catch (error) {
      outcome = { path: 'error', body: errorBody(error) };
    }
    // Writes to a pipe are synchronous: when the runner reads this line it has all lines before it.
    process.stdout.write(`\0end ${id}\n`);
    await call('POST', `/invocation/${id}/${outcome.path}`, outcome.body);
  }
}

dieWithParent();
try {
  const handler = await load();
  await serve(handler);
} catch (error) {
  await call('POST', '/init/error', errorBody(error)).catch(() => undefined);
  process.exit(1);
}
