/** Invokes the operate function; the only call that a person's own machine makes. */
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { ResolvedConfig } from '../config/resolved.ts';
import { isErrorCode, SnowmeltError } from '../errors.ts';

/** An operator's command may take as long as an invocation does. */
const ANSWER_MS = 900_000;

/** As Lambda has it: the error's name and message. */
type Failure = { errorType?: string; errorMessage?: string };

/** What the function answers. @throws what the function failed with; OPERATION_REFUSED where that is none of our own errors. */
export async function invokeOperate(config: Pick<ResolvedConfig, 'app' | 'aws'>, event: object): Promise<unknown> {
  const { endpoint } = config.aws;
  const client = new LambdaClient({
    ...(endpoint === null ? {} : { endpoint }),
    maxAttempts: 1, // a command is not repeated behind the operator's back
    requestHandler: { requestTimeout: ANSWER_MS, throwOnRequestTimeout: true },
  });
  const FunctionName = `snowmelt-${config.app}-operate`;
  const reply = await client.send(new InvokeCommand({ FunctionName, Payload: JSON.stringify(event) }));
  const answer = JSON.parse(Buffer.from(reply.Payload ?? []).toString() || 'null') as Failure | null;
  if (reply.FunctionError === undefined) return answer;
  const { errorType, errorMessage = reply.FunctionError } = answer ?? {};
  throw new SnowmeltError(isErrorCode(errorType) ? errorType : 'OPERATION_REFUSED', errorMessage);
}
