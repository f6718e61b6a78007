/** In the place of lambdas/kafka/produce.ts: the frame is ours, as there; `@platformatic/kafka` carries it and reads the answer. */
import { produceV7, ResponseError, Writer } from '@platformatic/kafka';
import { SnowmeltError } from '../../../lambdas/errors.ts';
import { connectionError, type Link, type Links } from './link.ts';

export { frame, requestHead } from '../../../lambdas/kafka/produce.ts';

type ProduceResponse = produceV7.ProduceResponse;

/** Size, key, version, correlation id, length of the client id: the client writes its own. */
const BEFORE_CLIENT_ID = 12;

export async function produce(
  connections: Links,
  link: Link,
  request: Buffer,
  topic: string,
  partition: number,
): Promise<{ code: number; baseOffset: number }> {
  const payload = request.subarray(BEFORE_CLIENT_ID + 2 + request.readInt16BE(BEFORE_CLIENT_ID));
  const { key, version } = produceV7.api;
  const { promise, resolve, reject } = Promise.withResolvers<ProduceResponse>();
  const done = (error: Error | null, response?: ProduceResponse): void => {
    const refused = error instanceof ResponseError ? (error as { response?: ProduceResponse }).response : undefined;
    if (response ?? refused) resolve((response ?? refused)!);
    else reject(connectionError(error));
  };
  const parse = produceV7.parseResponse;
  link.waiting++;
  link.connection.send(key, version, () => Writer.create().append(payload), parse, false, false, done);
  try {
    const [answered] = (await promise).responses;
    const [result] = answered?.partitionResponses ?? [];
    if (answered?.name !== topic || result?.index !== partition) {
      throw new SnowmeltError('KAFKA_FAILED', `Produce to ${topic}-${partition}: the answer is for something else`);
    }
    return { code: result.errorCode, baseOffset: Number(result.baseOffset) };
  } catch (error) {
    connections.drop(link);
    throw error;
  } finally {
    link.waiting--;
  }
}
