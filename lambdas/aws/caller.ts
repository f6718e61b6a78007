/** Who calls, as AWS knows them. */
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

/** ARN of the caller; null for who has no identity there, and is refused by whatever comes next. */
export async function callerArn(): Promise<string | null> {
  const client = new STSClient({ maxAttempts: 2 });
  try {
    return (await client.send(new GetCallerIdentityCommand({}))).Arn ?? null;
  } catch {
    return null;
  } finally {
    client.destroy();
  }
}
