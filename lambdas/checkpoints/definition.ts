/**
 * Shape of the checkpoint table, for the stack and the tests: two string keys, no index, no stream, no TTL.
 * Permissions the functions need on it: GetItem, PutItem, UpdateItem, Query, and DeleteItem for pruning.
 */
export const tableDefinition = { partitionKey: 'pk', sortKey: 'sk' } as const;

/** The CreateTable request for the table, as DynamoDB Local and dynalite take it. */
export function createTableInput(name: string) {
  const { partitionKey, sortKey } = tableDefinition;
  return {
    TableName: name,
    BillingMode: 'PAY_PER_REQUEST' as const,
    AttributeDefinitions: [partitionKey, sortKey].map((key) => ({ AttributeName: key, AttributeType: 'S' as const })),
    KeySchema: [
      { AttributeName: partitionKey, KeyType: 'HASH' as const },
      { AttributeName: sortKey, KeyType: 'RANGE' as const },
    ],
  };
}
