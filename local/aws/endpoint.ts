/**
 * One HTTP endpoint for all AWS services that the functions call: DynamoDB (passed on), EventBridge, Secrets Manager, and
 * Lambda's Invoke. Operations it does not know are refused, and so is what the role of the calling function does not allow.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Forwarder } from './dynamo-proxy.ts';
import type { EventBus } from './event-bus.ts';
import type { Authority } from './iam/authority.ts';
import { listen, readBody, sendError, sendJson, type Listening } from './http.ts';
import { parseCall, type AwsCall, type Interceptors } from './interceptors.ts';
import type { LocalFunction } from './lambda/function.ts';

export type Services = {
  dynamodb: Forwarder;
  bus: EventBus;
  /** Text of each secret, by name or ARN. */
  secrets: Map<string, string>;
  /** By name, ARN or logical id. */
  functionOf: (name: string) => LocalFunction | undefined;
  interceptors: Interceptors;
  authority: Authority;
};

type Reply = { status: number; body: unknown; type?: string };

export function startEndpoint(services: Services): Promise<Listening> {
  return listen((request, response) => {
    serve(services, request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else sendError(response, 500, 'InternalServerError', String(error));
    });
  });
}

async function serve(services: Services, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await readBody(request);
  const [, name] = /^\/2015-03-31\/functions\/([^/]+)\/invocations/.exec(request.url ?? '') ?? [];
  if (name !== undefined) return invoke(services, decodeURIComponent(name), request, body, response);

  const call = parseCall(request, body);
  if (call === null) return sendError(response, 400, 'UnknownOperationException', 'unknown service or protocol');
  const refusal = services.authority.refusal(request, call);
  if (refusal !== null) return sendError(response, 400, 'AccessDeniedException', refusal);
  await services.interceptors.run(call, response, async () => {
    if (call.service === 'dynamodb') return services.dynamodb.send(request, body, response);
    const { status, body: answer, type } = answerTo(services, call);
    return () => sendJson(response, status, answer, type === undefined ? {} : { 'x-amzn-errortype': type });
  });
}

function answerTo(services: Services, call: AwsCall): Reply {
  const { operation, input } = call;
  if (operation === 'PutEvents') {
    try {
      return { status: 200, body: services.bus.putEvents(input) };
    } catch (error) {
      return refuse('ValidationException', String(error));
    }
  }
  if (operation === 'GetSecretValue') {
    const id = String(input['SecretId']);
    const text = services.secrets.get(id);
    if (text === undefined) return refuse('ResourceNotFoundException', "Secrets Manager can't find the secret.");
    const body = { ARN: id, Name: id, SecretString: text, VersionId: 'local', VersionStages: ['AWSCURRENT'] };
    return { status: 200, body };
  }
  return refuse('UnknownOperationException', `${call.service}:${operation} has no stand-in`);
}

function refuse(type: string, message: string): Reply {
  return { status: 400, body: { __type: type, message }, type };
}

/** Lambda's Invoke, `Event` or `RequestResponse`. */
async function invoke(
  services: Services,
  name: string,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
): Promise<void> {
  const call = { service: 'lambda', operation: 'InvokeFunction', input: { FunctionName: name } };
  const refusal = services.authority.refusal(request, call);
  if (refusal !== null) return sendError(response, 403, 'AccessDeniedException', refusal);
  const target = services.functionOf(name);
  if (target === undefined) return sendError(response, 404, 'ResourceNotFoundException', `Function not found: ${name}`);
  const event = JSON.parse(body.toString() || 'null') as unknown;
  if (request.headers['x-amz-invocation-type'] === 'Event') {
    void target.invokeLater(event, 'direct');
    return void response.writeHead(202).end();
  }
  const outcome = await target.invoke(event, 'direct');
  if ('payload' in outcome) return sendJson(response, 200, outcome.payload);
  const { type: errorType, message: errorMessage } = outcome.failure;
  sendJson(response, 200, { errorType, errorMessage }, { 'x-amz-function-error': 'Unhandled' });
}
