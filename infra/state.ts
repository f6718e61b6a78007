/** What outlives the stack: the checkpoint table, which can't be made again, and the queues of what failed. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, Table, TableEncryption } from 'aws-cdk-lib/aws-dynamodb';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { tableDefinition } from '../lambdas/checkpoints/definition.ts';
import { acknowledge } from './rules.ts';

/** Its name is fixed, so that `cdk deploy --import-existing-resources` finds it again. */
export function checkpointTable(scope: Construct, name: string, key: IKey | null): Table {
  return new Table(scope, 'Checkpoints', {
    tableName: name,
    partitionKey: { name: tableDefinition.partitionKey, type: AttributeType.STRING },
    sortKey: { name: tableDefinition.sortKey, type: AttributeType.STRING },
    billingMode: BillingMode.PAY_PER_REQUEST,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true, recoveryPeriodInDays: 35 },
    ...(key === null ? {} : { encryption: TableEncryption.CUSTOMER_MANAGED, encryptionKey: key }),
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
  });
}

/** Its name is generated: a kept queue never stands in the way of a new deployment. */
export function failureQueue(scope: Construct, id: string, key: IKey | null): Queue {
  const queue = new Queue(scope, id, {
    enforceSSL: true,
    retentionPeriod: Duration.days(14),
    removalPolicy: RemovalPolicy.RETAIN,
    ...(key === null
      ? { encryption: QueueEncryption.SQS_MANAGED }
      : { encryption: QueueEncryption.KMS, encryptionMasterKey: key }),
  });
  const reason = 'It is a dead-letter queue itself: people read it, and alarms watch it.';
  acknowledge(queue, reason, 'AwsSolutions::AwsSolutions-SQS3', 'Serverless::Serverless-SQSRedrivePolicy');
  return queue;
}
