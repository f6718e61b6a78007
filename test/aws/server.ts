/** An AWS endpoint of one operation at a time: answers with what the test says, and keeps what was asked. */
import type { ServerResponse } from 'node:http';
import { listen, readBody, sendError, sendJson } from '../../local/aws/http.ts';

process.env['AWS_ACCESS_KEY_ID'] ??= 'local';
process.env['AWS_SECRET_ACCESS_KEY'] ??= 'local';
process.env['AWS_REGION'] ??= 'us-east-1';

export type Asked = { target: string; input: Record<string, unknown> };
export type Answer = (asked: Asked, response: ServerResponse) => unknown;

export async function startServer() {
  const asked: Asked[] = [];
  const state = { answer: (() => ({})) as Answer };
  const server = await listen((request, response) => {
    void readBody(request).then((body) => {
      const target = String(request.headers['x-amz-target']);
      const call = { target, input: JSON.parse(body.toString()) as Record<string, unknown> };
      asked.push(call);
      const answer = state.answer(call, response);
      if (answer !== undefined) sendJson(response, 200, answer);
    });
  });
  return { url: server.url, close: () => server.close(), asked, state, refuse: sendError };
}
