/** What no error code tells of by itself: how it is seen, and what is done. Written into docs/runbook.md beside alarms and codes. */
import type { EntryId } from '../infra/observability/entries.ts';
import type { ErrorCode } from '../lambdas/errors.ts';

export type Incident = {
  title: string;
  /** As what it shows: alarms and codes that have entries of their own. */
  shows: readonly (EntryId | ErrorCode)[];
  /** What it is, and what it does to a source. */
  says: string;
  /** What is done, in order: a sentence, and the commands to it. Placeholders as in lambdas/errors.ts. */
  steps: readonly { todo: string; run?: readonly string[] }[];
};

const SERVER = '--bootstrap-server b-1.example.com:9092';
const TRANSACTIONS = `kafka-transactions.sh ${SERVER}`;
const CHECK = 'npx snowmelt check {where}';
const STATUS = 'npx snowmelt status {where}';
const INSPECT = 'npx snowmelt recover {source} {where}';
const VERIFY = 'npx snowmelt verify {source} {where}';
const RESUME = 'npx snowmelt resume {source} {where} --reason "cause mended"';
const DEPLOY = 'npx cdk deploy -c env={env}';

/** The attribute that `npx snowmelt pause` and `resume` set, set by hand. */
const setPaused = (paused: boolean) =>
  `aws dynamodb update-item --table-name snowmelt-shop --key '{"pk": {"S": "source#{source}"}, "sk": {"S": "meta"}}' --update-expression 'SET paused = :paused' --condition-expression 'attribute_exists(pk)' --expression-attribute-values '{":paused": {"BOOL": ${paused}}}'`;

/** By hand, without the tool. */
export const BY_HAND = { pause: setPaused(true), resume: setPaused(false) } as const;

export const INCIDENTS: readonly Incident[] = [
  {
    title: 'A Kafka transaction hangs',
    shows: ['Stalled', 'KAFKA_UNREACHABLE'],
    says: 'Consumers that read committed records stand still at the first record of a transaction that nobody ends, and a partition whose marker it holds can not read it. Snowmelt does not leave one behind: each invocation begins by ending what the one before left, and brokers end what is older than `kafka.transactionTimeout`. What hangs for longer has been forgotten by its coordinator.',
    steps: [
      {
        todo: 'Find it: topic, partition, and the producer whose transaction began there. Of a producer of Snowmelt the transactional id names app, source and partition.',
        run: [
          `${TRANSACTIONS} find-hanging --broker-id 1`,
          `${TRANSACTIONS} describe-producers --topic shop.orders --partition 3`,
          `${TRANSACTIONS} describe --transactional-id snowmelt:shop:orders:0`,
        ],
      },
      {
        todo: "End it, but only what `find-hanging` lists: where a coordinator still knows the transaction (`describe` says Ongoing or PrepareCommit), one partition's part of it would be lost and the others' sent. The offset is the StartOffset that it shows.",
        run: [`${TRANSACTIONS} abort --topic shop.orders --partition 3 --start-offset 4711`],
      },
      {
        todo: 'Sources go on by themselves, from the marker. Whether the topic has all that the table has:',
        run: [VERIFY],
      },
    ],
  },
  {
    title: 'The checkpoint table was restored',
    shows: ['STATE_DISAGREES', 'LOG_GAP', 'NeedsOperator'],
    says: 'Point-in-time recovery makes a new table, older than what Kafka has. A source that has published since stops before it sends anything; one that has not goes on.',
    steps: [
      { todo: 'Name the new table in `state.table` and deploy.', run: [DEPLOY] },
      { todo: 'See which sources stopped, and take the way out of each.', run: [STATUS, INSPECT] },
    ],
  },
  {
    title: 'The group of the markers was deleted',
    shows: ['MARKER_EXPIRED', 'NeedsOperator'],
    says: 'The positions in Kafka are offsets of one group for each source, `snowmelt:<app>:<source>`; it has no members, so tools that tidy up may take it for unused. Partitions that have published nothing yet go on; the others stop.',
    steps: [
      {
        todo: 'See that it is gone, and keep whoever deleted it from doing so again (ACL: DELETE on the group is no right that Snowmelt needs).',
        run: [`kafka-consumer-groups.sh ${SERVER} --describe --group snowmelt:shop:{source}`],
      },
      { todo: 'What the table knows, and the way out:', run: [INSPECT] },
    ],
  },
  {
    title: 'A network or a network policy changed',
    shows: ['Freshness', 'SNOWFLAKE_UNREACHABLE', 'SNOWFLAKE_LOGIN', 'KAFKA_UNREACHABLE'],
    says: "Nothing is read or nothing is sent, of all sources at once. A network policy of Snowflake's shows as a refused sign-in; a way to S3 that is closed shows only once rows come.",
    steps: [
      { todo: "Look from inside the functions' network: sign-in, a result from S3, each broker.", run: [CHECK] },
      {
        todo: 'Mend the route, the security group or the policy. Sources go on by themselves; a sign-in that was refused three times stopped its partition:',
        run: [RESUME],
      },
    ],
  },
  {
    title: 'A masking or row access policy changed',
    shows: ['WINDOW_CHANGED'],
    says: 'A policy changes what a table shows, not its rows: nothing of what was published before is sent again. A window that has to be read again for its age gives other rows than before and stops.',
    steps: [
      {
        todo: 'Once the policy is as it is to be, send the table again as it shows now:',
        run: ['npx snowmelt replay {source} {where} --snapshot --reason "policy changed"'],
      },
    ],
  },
  {
    title: 'A resource monitor suspends the warehouse',
    shows: ['SNOWFLAKE_STATEMENT', 'Freshness', 'HistoryRunsOut'],
    says: 'No window is opened. What was read already is published, and the first window afterwards spans all since. Nothing is lost as long as Time Travel lasts.',
    steps: [
      {
        todo: 'See whose credits are used up, then raise the quota, or wait for the next interval. Sources go on by themselves. `budget` keeps Snowmelt below a quota of its own.',
        run: ['SHOW RESOURCE MONITORS;', 'ALTER RESOURCE MONITOR SNOWMELT SET CREDIT_QUOTA = 20;'],
      },
    ],
  },
  {
    title: 'Snowflake fails over to another account',
    shows: ['SNOWFLAKE_LOGIN', 'HISTORY_LOST', 'NeedsOperator'],
    says: 'The replica has the rows as of its last refresh, which may be less than what was published, and a history of its own. So sources begin anew there; nothing tells which changes are between.',
    steps: [
      {
        todo: 'Stop all of them before the switch, or at once after it. What was read of the old account and not published yet is dropped by the last step.',
        run: ['npx snowmelt pause {source} {where} --reason "failover"'],
      },
      {
        todo: 'Let `snowflake.account` name the account that is primary now (user, role, warehouse and network policy have to be there, too), and deploy.',
        run: [DEPLOY, CHECK],
      },
      {
        todo: 'Begin each source anew, also one that would go on: it empties the topic for its consumers and sends the table as it is there.',
        run: ['npx snowmelt recover {source} {where} --take anew --reason "failover"'],
      },
    ],
  },
  {
    title: 'The schema registry is down',
    shows: ['REGISTRY_UNREACHABLE', 'Stalled', 'ResultExpires'],
    says: 'Sources in Avro and Protobuf send nothing, others are not concerned. Windows are read all the same and wait; no partition stops for an operator. After a day their results are read again, out of Time Travel.',
    steps: [
      {
        todo: 'Bring it back; sources go on by themselves. Whether it answers from where the functions are:',
        run: [CHECK],
      },
    ],
  },
  {
    title: "Lambda's concurrency is exhausted",
    shows: ['Throttled', 'Ticks', 'Undelivered', 'Stalled'],
    says: "Invocations are refused: because of `aws.publishers`, the product's own limit, or because something else in the account uses all. Ticks that are refused do not come back, each minute has its own; events wait for five minutes, and every tick calls again.",
    steps: [
      {
        todo: 'See the limit of the account and what is reserved. Ask for a higher one, end what uses it up, or raise `aws.publishers`.',
        run: [
          'aws lambda get-account-settings',
          'aws lambda get-function-concurrency --function-name snowmelt-shop-publish',
        ],
      },
      { todo: 'Sources go on by themselves. The queues of what failed may be purged.' },
    ],
  },
  {
    title: 'The KMS key is disabled',
    shows: ['Ticks', 'STORE_UNREACHABLE', 'SECRET_UNREADABLE'],
    says: 'With `aws.key` the table, the failure queues and the logs are under one key of yours, and secrets may be under another: nothing runs, and what fails may not be logged. Nothing is decided without the table, so nothing is sent twice. DynamoDB archives a table whose key has been away for a week.',
    steps: [
      {
        todo: 'Enable it again; one that is to be deleted has to be kept first.',
        run: [
          'aws kms describe-key --key-id 0123abcd-0123-0123-0123-0123456789ab',
          'aws kms cancel-key-deletion --key-id 0123abcd-0123-0123-0123-0123456789ab',
          'aws kms enable-key --key-id 0123abcd-0123-0123-0123-0123456789ab',
        ],
      },
      { todo: 'Sources go on by themselves, from where they were. Then look:', run: [STATUS] },
    ],
  },
  {
    title: 'Without the tool',
    shows: [],
    says: 'Two steps in the AWS console stop all or one, when there is no clone at hand. No deployment has to undo them, so do it yourself.',
    steps: [
      {
        todo: 'One source. DynamoDB, Explore items, table `snowmelt-<app>`: the item whose pk is `source#<name>` and whose sk is `meta`; set its `paused` to true. That is all that `npx snowmelt pause` does, but for the audit; running invocations end by themselves.',
        run: [BY_HAND.pause],
      },
      { todo: 'Undo it by false. Partitions that wait for an operator go on waiting.', run: [BY_HAND.resume] },
      {
        todo: 'All of planning. EventBridge, Schedules, group `snowmelt-<app>`: mark every schedule, Disable. What has been called already is still published. The alarm Ticks rings after two minutes, and has to: undo it by Enable.',
        run: ['aws scheduler list-schedules --group-name snowmelt-shop --query "Schedules[].[Name,State]"'],
      },
    ],
  },
];
