/** What has to be granted in Kafka, as text for who may: its ACLs. Snowflake's grants: lambdas/config/grants.ts. */
import { kafkaRights, type KafkaUse, type Operation } from './kafka-rights.ts';

/** Arguments of `kafka-acls.sh`, one line a resource. */
export function kafkaAcls(config: KafkaUse, principal: string): string[] {
  return kafkaRights(config, 'both').flatMap(({ kind, name, prefix, operations: all }) => {
    const operations = all.filter((operation) => !isImplied(operation, all));
    if (operations.length === 0) return [];
    const resource = kind === 'cluster' ? '--cluster' : `--${kind} '${name}'`;
    const pattern = prefix ? ' --resource-pattern-type prefixed' : '';
    const allowed = operations.map((operation) => ` --operation ${operation}`).join('');
    return [`--add --allow-principal '${principal}' ${resource}${pattern}${allowed}`];
  });
}

/**
 * MSK's IAM has to be told each. Kafka takes Describe from Read and Write, and IdempotentWrite (since 2.8) from Write on any
 * topic.
 */
function isImplied(operation: Operation, all: Operation[]): boolean {
  return operation === 'IdempotentWrite' || (operation === 'Describe' && all.some((one) => /^(Read|Write)$/.test(one)));
}
