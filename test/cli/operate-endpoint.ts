/**
 * What a person's machine sees of the operate function: Lambda's Invoke, answered by the handler in this process; and what the
 * function asks for its secrets, which are all the same one.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { handler, type OperatorCommand } from '../../lambdas/operate/index.ts';
import { SALT } from '../faults/pipeline.ts';

process.env['AWS_REGION'] ??= 'us-east-1';

/** What any other service answers to an operation. */
type Others = (operation: string, input: Record<string, unknown>) => object;

const secrets: Others = (operation) =>
  operation === 'GetSecretValue' ? { SecretString: JSON.stringify({ token: 'snowmelt', salt: SALT }) } : {};

/** `configOf`: path of the configuration that the function of this name was deployed with. */
export async function startOperate(configOf: (functionName: string) => string, others: Others = secrets) {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
      const [, name] = /functions\/([^/]+)\/invocations/.exec(request.url ?? '') ?? [];
      if (name === undefined) {
        const [, operation = ''] = String(request.headers['x-amz-target']).split('.');
        response.setHeader('content-type', 'application/x-amz-json-1.1');
        return void response.end(JSON.stringify(others(operation, body)));
      }
      process.env['SNOWMELT_CONFIG'] = configOf(decodeURIComponent(name));
      const event = body as OperatorCommand;
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
