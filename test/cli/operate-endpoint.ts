/**
 * What a person's machine sees of the operate function: Lambda's Invoke, answered by the handler in this process; and what the
 * function asks for its secrets, which are all the same one.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { handler, type OperatorCommand } from '../../lambdas/operate/index.ts';
import { SALT } from '../faults/pipeline.ts';

process.env['AWS_REGION'] ??= 'us-east-1';
const SECRET = { token: 'snowmelt', salt: SALT };

/** `configOf`: path of the configuration that the function of this name was deployed with. */
export async function startOperate(configOf: (functionName: string) => string) {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      if (request.headers['x-amz-target'] === 'secretsmanager.GetSecretValue') {
        response.end(JSON.stringify({ SecretString: JSON.stringify(SECRET) }));
        return;
      }
      const [, name] = /functions\/([^/]+)\/invocations/.exec(request.url ?? '') ?? [];
      process.env['SNOWMELT_CONFIG'] = configOf(decodeURIComponent(name ?? ''));
      const event = JSON.parse(Buffer.concat(parts).toString()) as OperatorCommand;
      handler(event, { awsRequestId: 'request', getRemainingTimeInMillis: () => 60_000 }).then(
        (answer) => response.end(JSON.stringify(answer ?? null)),
        (error: Error) => {
          response.setHeader('x-amz-function-error', 'Unhandled');
          response.end(JSON.stringify({ errorType: error.name, errorMessage: error.message }));
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
