/** What each alarm says to whom it wakes. docs/runbook.md is generated from it. */

export type Entry = {
  /** Wakes somebody, or waits for the day. */
  urgency: 'page' | 'ticket';
  says: string;
  /** What a person looks at and does. */
  todo: string;
};

export const ENTRIES = {
  Ticks: {
    urgency: 'page',
    says: 'No tick came to its end for two minutes: the scheduler does not call plan, or plan fails (its secret, its role, Lambda throttles). Nothing is planned; nothing is lost as long as Time Travel lasts.',
    todo: 'Look at the log of `plan`. No lines: the scheduler does not call it (is the schedule group there and enabled, may its role call plan, does Lambda throttle?). Errors: they say why (`SECRET_UNREADABLE`, `STORE_UNREACHABLE`).',
  },
  Freshness: {
    urgency: 'page',
    says: 'What consumers of a source see is older than its objective `freshness`.',
    todo: 'The objective is 15 minutes, or three times a longer `every`, unless `freshness` is set; sources with `cron(...)` have one only when it is set. Idle is fresh: what counts is when last everything was published and nothing had changed. The dashboard names the source. Common: the warehouse queues, a large window, publish at its limit (`aws.publishers`, `publishers` of the source), a burst that needs more `partitions`, a budget that is used up (BudgetSpent).',
  },
  NeedsOperator: {
    urgency: 'page',
    says: 'A partition, or the planning of a source, stopped and goes on only after somebody did something: the log names the error code and the way out.',
    todo: '`npx snowmelt recover SOURCE` and the entry of its code below say what to run.',
  },
  Stalled: {
    urgency: 'page',
    says: 'A partition has rows to send and has sent none for ten minutes.',
    todo: 'Look at the log of `publish` for it: Kafka does not answer, events are not delivered, or another partition holds it (that one is what to look at).',
  },
  HistoryRunsOut: {
    urgency: 'page',
    says: 'Less than a quarter of Time Travel is left before changes that were not read yet are lost: under 6 hours with a retention of one day. The metric HistoryHeadroom tells the hours.',
    todo: 'Whatever keeps the source from being read, a pause or a budget included, is more urgent than anything else. `ALTER TABLE ... SET DATA_RETENTION_TIME_IN_DAYS` raises the retention for what has not fallen out yet.',
  },
  Throttled: {
    urgency: 'page',
    says: 'Lambda has refused invocations in each of five minutes: the concurrency of the account, or `aws.publishers`, is used up.',
    todo: "Raise `aws.publishers` or the account's concurrency.",
  },
  Undelivered: {
    urgency: 'page',
    says: 'In each of five minutes ticks or events came to nothing and went to a failure queue: its messages tell why.',
    todo: 'The messages carry the error.',
  },
  HistoryShrinks: {
    urgency: 'ticket',
    says: 'For an hour less than half of Time Travel has been left before changes that were not read yet are lost: under 12 hours with a retention of one day. The metric HistoryHeadroom tells the hours.',
    todo: 'The same as HistoryRunsOut, earlier. A quiet source dips below a half before it is read again; not for an hour.',
  },
  ResultExpires: {
    urgency: 'ticket',
    says: 'A window has waited for its partitions so long that its result expires in less than 6 hours; after that it is read again, out of Time Travel.',
    todo: 'Find what keeps its partitions from publishing. Reading it again is a second scan, nothing worse.',
  },
  NotStarted: {
    urgency: 'ticket',
    says: 'For an hour nothing could be read of a source that was configured: the log of plan tells why.',
    todo: 'Common: `OBJECT_MISSING`, `TRACKING_OFF`, `RETENTION_ZERO`, `KEY_INVALID`. Of a pattern `npx snowmelt status` lists the tables that it can not take.',
  },
  DeadLetters: {
    urgency: 'ticket',
    says: 'Rows of a source with `onBadRow: dead-letter` could not be sent and went to its topic of dead letters. Consumers lack them; the others are sent as ever.',
    todo: '`npx snowmelt deadletters SOURCE list` tells why, and of which rows. Mend the cause; then `deadletters SOURCE replay` has them sent again as they are now, or `drop` says that they are dealt with, and the alarm ends.',
  },
  BudgetSpent: {
    urgency: 'ticket',
    says: 'The warehouse has used up what `budget` lets it have today: no window is opened until the day (UTC) is over. What is read already is published.',
    todo: 'Nothing is lost as long as Time Travel lasts, and the next window spans all since; the alarms on freshness and history tell as ever. To go on today raise `budget.creditsPerDay` and deploy. WarehouseSeconds by source, on the dashboard, shows who used it.',
  },
  Kept: {
    urgency: 'ticket',
    says: 'Messages lie in a failure queue. Read them, then purge the queue: nothing is redriven, every tick calls again who was not served.',
    todo: 'Read them, then purge the queue.',
  },
} as const satisfies Record<string, Entry>;

export type EntryId = keyof typeof ENTRIES;
