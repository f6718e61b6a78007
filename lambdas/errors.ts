/**
 * Every error that Snowmelt raises on its own account. The registry is the runbook: the texts are what a person reads at night.
 *
 * `retry` says what the next tick does: `tick` tries again by itself, `operator` sets the partition (or source) to
 * needs-operator because trying again can't help.
 */
export type ErrorFacts = {
  /** Likely causes, most likely first. */
  causes: string;
  /** What a person does about it. */
  action: string;
} & (
  | { retry: 'tick' }
  /** What is run for it, in this order, once the cause is mended (`commandFor`); alternatives are apart in `action`. */
  | { retry: 'operator'; run: readonly [string, ...string[]] }
);

/** Where a command is to act; `where`: `--env prod`, `--local`. */
export type CommandPlace = { source: string; where: string; env: string; window: number | string };

/** The runbook's. */
export const EXAMPLE: CommandPlace = { source: 'orders', where: '--env prod', env: 'prod', window: 42 };

/** A command of `run` with its place filled in. */
export function commandFor(run: string, place: CommandPlace): string {
  return run.replace(/\{(\w+)\}/g, (_, name: keyof CommandPlace) => String(place[name]));
}

const of = '{source} {where}';
const DEPLOY = 'npx cdk deploy -c env={env}';
const INSPECT = `npx snowmelt recover ${of}`;
/** Also what lets a partition go on that another code has stopped, met three times at one position. */
export const RESUME = `npx snowmelt resume ${of} --reason "cause mended"`;
const VOID = `npx snowmelt void ${of} --window {window} --reason "can not be read"`;
const ANEW = `npx snowmelt recover ${of} --take anew --reason "begins anew"`;
const MARKER = `npx snowmelt recover ${of} --take marker --reason "Kafka lost data"`;
const STORE = `npx snowmelt recover ${of} --take store --reason "marker expired"`;

export const ERRORS = {
  // --- configuration
  CONFIG_INVALID: {
    retry: 'operator',
    run: [DEPLOY],
    causes: 'The configuration breaks its schema, or two settings contradict each other.',
    action: 'Mend each path that the message lists; every problem is listed at once.',
  },
  SECRET_UNREADABLE: {
    retry: 'tick',
    causes: 'The secret does not exist, the function may not read it, or it lacks a field.',
    action: 'Create the secret named in the message with the fields it lists, and allow secretsmanager:GetSecretValue.',
  },
  SOURCE_UNKNOWN: {
    retry: 'operator',
    run: [DEPLOY],
    causes: 'An event names a source that the deployed configuration does not have.',
    action: 'Deploy the configuration that has the source, or ignore events of a removed one.',
  },

  // --- Snowflake
  SNOWFLAKE_LOGIN: {
    retry: 'tick',
    causes: 'Wrong account, user, key or token; a network policy; the user is disabled.',
    action: 'Compare the user in Snowflake (DESC USER) with the secret: public key, default role, network policy.',
  },
  SNOWFLAKE_UNREACHABLE: {
    retry: 'tick',
    causes: 'No route to Snowflake, DNS, or Snowflake is down.',
    action: 'Check the egress of the function (NAT or PrivateLink) and status.snowflake.com.',
  },
  SNOWFLAKE_STATEMENT: {
    retry: 'tick',
    causes: 'Snowflake refused or aborted a statement; its own code and text are in the message.',
    action: 'Look the Snowflake code up; the query id in the message finds it in QUERY_HISTORY.',
  },
  OBJECT_MISSING: {
    retry: 'tick',
    causes: 'The table does not exist, or the role may not see it (Snowflake does not tell which).',
    action:
      'GRANT USAGE on its database and schema and SELECT on it to the role (of a database made from a share IMPORTED PRIVILEGES on the database instead, of a stage READ or USAGE), or correct its name.',
  },
  WAREHOUSE_MISSING: {
    retry: 'tick',
    causes: 'The warehouse does not exist, or the role may not use it (Snowflake does not tell which).',
    action: 'GRANT USAGE ON WAREHOUSE to the role as the message says, or correct `snowflake.warehouse`.',
  },
  PRIVILEGE_MISSING: {
    retry: 'tick',
    causes: 'The role may not do what is needed, such as making tables in `snowflake.staging`.',
    action: 'Grant what the message says; `npm run permissions -- --config FILE` prints all that is needed.',
  },
  TRACKING_OFF: {
    retry: 'tick',
    causes: 'Change tracking is not enabled on the table or view.',
    action:
      'As its owner: ALTER TABLE <table> SET CHANGE_TRACKING = TRUE; of a view ALTER VIEW <view> ..., and the same on each table behind it. Of what is shared with the account, its provider has to do it.',
  },
  RETENTION_ZERO: {
    retry: 'tick',
    causes: 'DATA_RETENTION_TIME_IN_DAYS of the table is 0: there is no history to read.',
    action: 'ALTER TABLE <table> SET DATA_RETENTION_TIME_IN_DAYS = 1 (or more); of a shared table, its provider.',
  },
  RETENTION_SHORT: {
    retry: 'tick',
    causes:
      'Told by `check` alone: Time Travel keeps less than two intervals of the schedule, so a tick that is lost may lose changes.',
    action: 'ALTER TABLE <table> SET DATA_RETENTION_TIME_IN_DAYS as the message says, or a shorter `every`.',
  },
  KEY_INVALID: {
    retry: 'tick',
    causes:
      'A key column is not a column of the table, or its type cannot be a key; or a stream on files, whose rows have no id, has no key.',
    action: 'Name existing columns under `key`; names are case-sensitive as Snowflake stores them.',
  },
  PATTERN_TOO_LARGE: {
    retry: 'tick',
    causes: 'A pattern fits more tables than its `maxTables`, or its schema has more than Snowflake lists (10,000).',
    action:
      'Raise `maxTables`, or say with `include` and `exclude` which tables are meant. Those that are published already go on; no new one is taken until then.',
  },
  QUERY_INVALID: {
    retry: 'tick',
    causes:
      'Snowflake does not accept the query, it is not one SELECT, two of its columns have one name, or its cursor is not a column that grows.',
    action: 'Mend `query`, `cursor` or `mode` as the message says; docs/captures.md has an example of each mode.',
  },
  QUERY_CHANGED: {
    retry: 'tick',
    causes: 'The query of a bulk source was changed so that its rows can not be compared with those of before.',
    action:
      'Keep the key columns in the query, or `npx snowmelt recover SOURCE --take anew`, which empties the topic for its consumers and sends everything again.',
  },
  STREAM_UNFIT: {
    retry: 'tick',
    causes: 'The stream is of another kind than `changes` says, or a managed one is wanted on a view.',
    action:
      'Set `changes` to what SHOW STREAMS has as its mode: default for DEFAULT, append-only for APPEND_ONLY and INSERT_ONLY. On a view, make the stream yourself and name it.',
  },
  TYPE_UNSUPPORTED: {
    retry: 'operator',
    run: [DEPLOY],
    causes: 'A selected column has a type that can not be read, or not through a stream.',
    action:
      'Leave the column out (`columns.exclude`) or cast it (`columns.add`), or alter it to a type that docs/types.md lists.',
  },
  NAME_TAKEN: {
    retry: 'operator',
    run: [DEPLOY, VOID, INSPECT, RESUME],
    causes:
      'Two columns would have one name in a record: Avro and Protobuf spell it with letters, digits and `_` alone, and flat records have fields of their own.',
    action:
      'Leave one of the columns that the message names out (`columns.exclude`), or rename it. The window that was read has both: `npx snowmelt void SOURCE --window <number>` sends what it holds in another way, and once `recover` shows the window that makes up for it at the end of the log `npx snowmelt resume SOURCE`.',
  },
  COLUMN_MISSING: {
    retry: 'tick',
    causes:
      '`columns`, `mask` or `headers` of the source names a column that the table does not have, or has no longer.',
    action: 'Correct the name (case-sensitive as Snowflake stores it), or take it out where the column was dropped.',
  },
  VALUE_UNFIT: {
    retry: 'operator',
    run: [VOID, INSPECT, RESUME],
    causes:
      'A row does not fit the columns that its window was opened with: NULL in a column that is NOT NULL since a moment ago.',
    action:
      '`npx snowmelt void SOURCE --window <number>` sends what the window holds in another way, and once `recover` shows the window that makes up for it at the end of the log `npx snowmelt resume SOURCE`; or drop NOT NULL of the column the message names; or have such rows go elsewhere with `onBadRow: dead-letter`.',
  },
  DUPLICATE_KEY: {
    retry: 'operator',
    run: [VOID, INSPECT, RESUME],
    causes: 'Two rows of the source have the same key: the configured key is not unique.',
    action:
      'Remove the duplicates in Snowflake, and two ticks later `npx snowmelt void SOURCE --window <number>`: what was read keeps them, so it is sent as it is now; once `recover` shows the window that makes up for it at the end of the log `npx snowmelt resume SOURCE`. Or deploy a key that is unique and take `recover SOURCE --take anew`.',
  },
  HISTORY_LOST: {
    retry: 'operator',
    run: [ANEW],
    causes:
      'The table or stream was recreated, swapped, had tracking off for a while, or its Time Travel retention passed; the stream is stale.',
    action:
      'The changes since the last window cannot be read: `npx snowmelt recover SOURCE --take anew` empties the topic for its consumers and sends everything again; `onHistoryLost: resnapshot` does so by itself. A stream of your own is recreated first (docs/captures.md).',
  },
  SCHEMA_INCOMPATIBLE: {
    retry: 'tick',
    causes: 'A column was dropped, renamed or given another type: consumers of the topic may not be able to read on.',
    action:
      'Undo the change; or say under `columns` what the records are to have from now on; or let such changes pass with `schemaChanges: any`. A key column of another type needs `npx snowmelt recover SOURCE --take anew`. Do it within the retention of the table.',
  },
  OBJECT_CHANGED: {
    retry: 'tick',
    causes: 'The table was altered or replaced while its window was being read.',
    action: 'Nothing: the next tick reads the window again.',
  },
  RESULT_MALFORMED: {
    retry: 'tick',
    causes: 'A part of a result was cut short, was not JSON, or had another number of rows than announced.',
    action: 'Nothing at first: the part is read again. If it lasts, look for a proxy that alters downloads.',
  },
  RESULT_EXPIRED: {
    retry: 'operator',
    run: [VOID, INSPECT, RESUME],
    causes: 'The result of a window is older than 24 hours and could not be read again.',
    action:
      'Find what kept the partition from publishing for a day; then `npx snowmelt void SOURCE --window <number>` sends what the window holds in another way, and once `recover` shows the window that makes up for it at the end of the log `npx snowmelt resume SOURCE`.',
  },
  WINDOW_CHANGED: {
    retry: 'operator',
    run: [RESUME],
    causes: 'A window read again gave other rows than the first time: a policy, function or view under it changed.',
    action:
      'Undo the change and `npx snowmelt resume SOURCE`; if that can not be, `npx snowmelt void SOURCE --window <number>` sends what the window holds in another way, and once `recover` shows the window that makes up for it at the end of the log `npx snowmelt resume SOURCE`.',
  },

  // --- Kafka
  KAFKA_UNREACHABLE: {
    retry: 'tick',
    causes: 'No route to the brokers, wrong addresses, TLS or sign-in settings, or the cluster is down.',
    action: 'Check brokers and auth in the configuration and the security group between function and cluster.',
  },
  KAFKA_FAILED: {
    retry: 'tick',
    causes: 'A broker answered a request with an error; its code is in the message.',
    action: 'Nothing at first: the next tick goes on from the last committed position.',
  },
  KAFKA_FENCED: {
    retry: 'tick',
    causes: 'Another invocation opened the producer of this partition meanwhile, or its transaction ran out of time.',
    action: 'Nothing: nothing of the transaction became visible. If it lasts, raise kafka.transactionTimeout.',
  },
  KAFKA_UNAUTHORIZED: {
    retry: 'tick',
    causes: 'The principal lacks a right: on the topic, the transactional id or the group.',
    action: 'Grant what the message names to the principal of the functions.',
  },
  TOPIC_DIFFERS: {
    retry: 'operator',
    run: [RESUME],
    causes:
      'The topic does not exist, has another number of partitions than configured, or the control topic is too small.',
    action:
      'Create or grow the topic the message names, or set its partition count in the configuration; then `npx snowmelt resume SOURCE`.',
  },
  TOPIC_UNSAFE: {
    retry: 'operator',
    run: [RESUME],
    causes:
      'Replication, min.insync.replicas, unclean election or offsets retention are too weak for exactly once; or a compacted topic is fed at least once.',
    action:
      'Change the setting that the message names, or accept it with `kafka.topicChecks: report`; then `npx snowmelt resume SOURCE`.',
  },
  TOPIC_NAME_UNFIT: {
    retry: 'tick',
    causes:
      'Of a table of a pattern: its name makes no name of a topic, or makes that of another table or source. Names that differ in case alone may, and in `.` and `_` alone.',
    action:
      'Leave the table out (`exclude`) and give it a source of its own under `sources`, or take a template that tells the two apart ({TABLE} keeps the case).',
  },
  RECORD_TOO_LARGE: {
    retry: 'operator',
    run: [RESUME],
    causes: 'One record is larger than the topic takes (max.message.bytes).',
    action:
      'Raise max.message.bytes of the topic and kafka.maxBatch, or have such rows go elsewhere with `onBadRow: dead-letter`; then `npx snowmelt resume SOURCE`.',
  },
  STATE_DISAGREES: {
    retry: 'operator',
    run: [INSPECT, ANEW],
    causes:
      'Kafka and the checkpoint table tell different stories: a restored table, a second deployment with the same name, another cluster. Or a stream was consumed by another deployment.',
    action:
      'Nothing was moved. A second deployment: give one of the two another `app`. A restored table, or another cluster: `npx snowmelt recover SOURCE --take anew`, which empties the topic for its consumers and sends everything again.',
  },
  KAFKA_LOST_DATA: {
    retry: 'operator',
    run: [INSPECT, MARKER],
    causes: 'Kafka has forgotten a transaction that it had acknowledged (unclean election, restored disk).',
    action: '`npx snowmelt recover SOURCE --take marker` sends again all that changed since what Kafka still knows.',
  },
  TOPIC_LOST_DATA: {
    retry: 'operator',
    run: [INSPECT, ANEW],
    causes:
      'The topic was deleted and made anew, or lost records that all its replicas in sync had acknowledged (unclean election, restored disk).',
    action: '`npx snowmelt recover SOURCE --take anew` empties the topic for its consumers and sends everything again.',
  },
  MARKER_EXPIRED: {
    retry: 'operator',
    run: [INSPECT, STORE],
    causes:
      'The marker is gone: the partition stood still for longer than offsets.retention.minutes, or the group was deleted.',
    action:
      '`npx snowmelt recover SOURCE` shows what Kafka and the table know. `--take store` where nothing was undecided; else `--take anew`, which empties the topic for its consumers and sends everything again.',
  },

  // --- schema registry
  REGISTRY_UNREACHABLE: {
    retry: 'tick',
    causes: 'No route to the schema registry, it is down, slow or throttles, or something else answers at its address.',
    action:
      'Check registry.url and the security group of the functions. Nothing is sent meanwhile, and nothing is lost.',
  },
  REGISTRY_UNAUTHORIZED: {
    retry: 'tick',
    causes: 'The schema registry refuses the credentials, or they lack a right on the subject.',
    action:
      'Compare the secret of registry.auth; grant reading and registering on the subject (Glue: the actions of infra/statements.ts).',
  },
  SUBJECT_INCOMPATIBLE: {
    retry: 'operator',
    run: [RESUME],
    causes:
      'The table was altered so that its schema breaks the compatibility rule of the subject: a type changed, or a column came that is NOT NULL.',
    action:
      'Relax the rule of the subject the message names until the new schema is registered; then `npx snowmelt resume SOURCE`. To undo the change in Snowflake is not enough, since what was read has it: after that `npx snowmelt recover SOURCE --take anew` empties the topic for its consumers and sends everything again.',
  },
  SCHEMA_REFUSED: {
    retry: 'operator',
    run: [RESUME],
    causes:
      'The schema registry does not take the schema (its message says why), or it is not registered there and registry.register is false.',
    action: 'Register the schema, or mend what the message names; then `npx snowmelt resume SOURCE`.',
  },

  // --- checkpoints
  STORE_UNREACHABLE: {
    retry: 'tick',
    causes: 'DynamoDB throttles, is unreachable, or the table does not exist.',
    action: 'Check the table, its capacity mode and the permissions of the function.',
  },
  STATE_TOO_NEW: {
    retry: 'operator',
    run: [DEPLOY, RESUME],
    causes: 'The state was written by a newer release.',
    action: 'Deploy that release again; it says how to go back.',
  },
  STATE_TOO_LARGE: {
    retry: 'operator',
    run: [DEPLOY, RESUME],
    causes:
      'A window, layout or running scan does not fit an item of 400 KB: too many columns, or too many partitions.',
    action: 'Configure fewer partitions, or a table with fewer columns.',
  },
  LOG_GAP: {
    retry: 'operator',
    run: [INSPECT, RESUME],
    causes: 'A window is missing in the log: items were deleted by hand, or the table was restored.',
    action:
      'Nothing is published over a gap. Put the items back (point-in-time recovery has them), then `npx snowmelt resume SOURCE`. Where they are gone for good, `npx snowmelt recover SOURCE --take anew` empties the topic for its consumers and sends everything again.',
  },

  // --- operator
  OPERATION_REFUSED: {
    retry: 'tick',
    causes: 'The command does not fit the state of the source; the message says why.',
    action: 'Look at the state (`npx snowmelt recover SOURCE`), then choose the command that fits.',
  },
  NOT_WRITTEN: {
    retry: 'tick',
    causes: 'Of `init` alone: a file is in its way, it may not write there, or a question was not answered.',
    action:
      'Choose another --env or --out, or write over what is there with --force; what it asks can also be said by flags (`npx snowmelt init --help`).',
  },

  KEYS_INVALID: {
    retry: 'tick',
    causes: 'The keys of a command are none, too many, of other columns than the key, or no values of their types.',
    action: 'Mend the file where the message says; docs/operations.md has what it may look like.',
  },

  // --- running
  EVENTS_UNREACHABLE: {
    retry: 'tick',
    causes: 'EventBridge does not take events.',
    action: 'Check the bus and the permission events:PutEvents; every tick calls again.',
  },
  UNEXPECTED: {
    retry: 'tick',
    causes: 'An error that no code foresees: a defect.',
    action: 'Report it with the stack in the log.',
  },
} as const satisfies Record<string, ErrorFacts>;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(text: string | undefined): text is ErrorCode {
  return text !== undefined && Object.hasOwn(ERRORS, text);
}

/** An error with a code of the registry. `message` says what happened; it never holds a row's values or a secret. */
export class SnowmeltError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'SnowmeltError';
    this.code = code;
  }
  get retry(): 'tick' | 'operator' {
    return ERRORS[this.code].retry;
  }
  get action(): string {
    return ERRORS[this.code].action;
  }
}

/** The error as it is; anything without a code becomes UNEXPECTED. */
export function asSnowmeltError(error: unknown): SnowmeltError {
  if (error instanceof SnowmeltError) return error;
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new SnowmeltError('UNEXPECTED', message, { cause: error });
}
