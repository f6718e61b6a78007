/** Every run of the models: what is checked, within which bounds, and what must come out. */

export type Run = {
  name: string;
  model: 'publish' | 'window' | 'split' | 'request' | 'delivery' | 'stage';
  /** Switches of the model, without `-D`; a bare name is 1. */
  set: string[];
  /**
   * `holds`: no violation. `caught`: `rule` is taken out, and an assertion or a standstill shows it.
   * `known`: violated, and must be: what no rule of ours can prevent (docs/model/README.md).
   */
  expect: 'holds' | 'caught' | 'known';
  /** The rule that is taken out, or for `known` what happens. */
  rule?: string;
  /** Only with --full. */
  full?: boolean;
};

const holds = (name: string, model: Run['model'], ...set: string[]): Run => ({ name, model, set, expect: 'holds' });
const caught = (name: string, model: Run['model'], rule: string, ...set: string[]): Run => ({
  name,
  model,
  rule,
  set,
  expect: 'caught',
});
const full = (run: Run): Run => ({ ...run, full: true });

/** Small bounds: two rows are enough for what these runs are about. */
const SMALL = ['ROWS=2'];

export const runs: Run[] = [
  holds('publish', 'publish', ...SMALL),
  holds('publish_void', 'publish', 'VOID', 'INVOCATIONS=1'),
  holds('publish_kafka_late', 'publish', 'KAFKA_LATE', 'INVOCATIONS=1'),
  holds('publish_store_late', 'publish', 'STORE_LATE', 'INVOCATIONS=1'),
  holds('publish_group_deleted', 'publish', 'GROUP_DELETED', 'REOPENS=0', ...SMALL),
  holds('publish_loss_seen', 'publish', 'KAFKA_LOSES=2', 'REOPENS=0', ...SMALL),
  full(holds('publish_full', 'publish')),
  full(holds('publish_void_full', 'publish', 'VOID')),
  full(holds('publish_kafka_late_full', 'publish', 'KAFKA_LATE')),
  full(holds('publish_store_late_full', 'publish', 'STORE_LATE')),
  full(holds('publish_loss_seen_full', 'publish', 'KAFKA_LOSES=2')),
  {
    name: 'publish_loss_unseen',
    model: 'publish',
    set: ['KAFKA_LOSES=1', 'REOPENS=0'],
    expect: 'known',
    rule: 'Kafka loses a commit and nobody looks until the marker has expired',
  },
  caught('publish_no_epoch', 'publish', 'the write after the marker needs the epoch', 'NO_EPOCH_CONDITION', ...SMALL),
  caught('publish_marker_first', 'publish', 'the marker is read after InitProducerId', 'MARKER_BEFORE_INIT', ...SMALL),
  caught('publish_old_open', 'publish', 'missing marker under an old `open`: stop', 'OLD_OPEN_IS_NOTHING', ...SMALL),
  caught('publish_undecided', 'publish', '`open` stays while an outcome is unknown', 'OPEN_GOES_UNDECIDED', ...SMALL),
  caught('publish_first_open', 'publish', 'reconcile after every InitProducerId', 'FIRST_OPEN_ONLY'),
  caught('publish_open_left', 'publish', 'an `open` left by someone is resolved', 'OPEN_NOT_RESOLVED', ...SMALL),
  caught('publish_loss', 'publish', 'marker < marked: stop', 'KAFKA_LOSES=1', 'LOSS_ACCEPTED', 'REOPENS=0'),
  caught('publish_unreconciled', 'publish', 'only who reconciled removes `open`', 'OPEN_GOES_UNRECONCILED', ...SMALL),
  caught('publish_release', 'publish', 'a release needs the epoch', 'RELEASE_WITHOUT_EPOCH', ...SMALL),
  caught(
    'publish_position',
    'publish',
    'the marker is compared with `marked`',
    'VOID',
    'AGAINST_POSITION',
    'INVOCATIONS=1',
  ),
  full(caught('publish_back', 'publish', 'position := the greater of both', 'VOID', 'POSITION_IS_MARKER')),
  caught(
    'publish_void_marked',
    'publish',
    'passing a void window leaves `marked`',
    'VOID',
    'VOID_MOVES_MARKED',
    'INVOCATIONS=1',
  ),
  caught('publish_no_time', 'publish', 'the marker holds the time of its commit', 'MARKER_WITHOUT_TIME', ...SMALL),
  caught(
    'publish_no_marked',
    'publish',
    'missing marker while `marked` is young: stop',
    'KAFKA_LOSES=2',
    'NO_MARKED',
    'REOPENS=0',
  ),
  full(
    caught(
      'publish_any_position',
      'publish',
      'a commit needs the position it knew',
      'STORE_LATE',
      'VOID',
      'COMMIT_ANYWHERE',
    ),
  ),

  holds('window_void', 'window', 'CASE=1'),
  full(holds('window_void_sparse', 'window', 'CASE=2')),
  full(holds('window_void_behind', 'window', 'CASE=3')),
  holds('window_p12', 'window', 'CASE=4'),
  holds('window_p12_sparse', 'window', 'CASE=5', 'KAFKA_LATE'),
  holds('window_p21', 'window', 'CASE=6'),
  holds('window_p21_sparse', 'window', 'CASE=7', 'KAFKA_LATE'),
  holds('window_p121', 'window', 'CASE=8', 'KAFKA_LATE'),
  holds('window_p12_truncate', 'window', 'CASE=9'),
  full(holds('window_p12_late', 'window', 'CASE=4', 'KAFKA_LATE')),
  full(holds('window_void_late', 'window', 'CASE=1', 'KAFKA_LATE')),
  caught(
    'window_barrier_itself',
    'window',
    'nobody passes a barrier, nor any later window',
    'CASE=2',
    'BARRIER_MINDS_ITSELF',
  ),
  caught('window_p12_itself', 'window', 'the same, at a change of P', 'CASE=5', 'BARRIER_MINDS_ITSELF'),
  caught('window_onesided', 'window', 'the window after a truncate is a barrier, too', 'CASE=1', 'ONE_SIDED'),
  caught('window_no_barrier', 'window', 'barriers', 'CASE=1', 'NO_BARRIER'),
  caught('window_p21_no_barrier', 'window', 'a change of layout is a barrier', 'CASE=6', 'NO_BARRIER'),
  caught(
    'window_void_unheld',
    'window',
    'a barrier holds void windows, too',
    'CASE=3',
    'BARRIER_MINDS_ITSELF',
    'VOID_NOT_HELD',
  ),
  caught(
    'window_void_unreconciled',
    'window',
    'a void window is passed after reconcile',
    'CASE=1',
    'VOID_UNRECONCILED',
  ),
  caught('window_void_empty', 'window', 'a void window has rows to be passed', 'CASE=1', 'VOID_IS_EMPTY'),
  caught('window_void_epoch', 'window', 'a void window is passed under the epoch', 'CASE=1', 'VOID_WITHOUT_EPOCH'),
  caught('window_void_marked', 'window', 'passing a void window leaves `marked`', 'CASE=1', 'VOID_MOVES_MARKED'),
  caught('window_own_layout', 'window', '"every partition" is every item', 'CASE=6', 'OWN_LAYOUT_ONLY'),
  caught('window_items_late', 'window', 'items are put before their layout', 'CASE=9', 'ITEMS_LATE'),

  holds('split', 'split', 'FAULTS=0'),
  holds('split_prune', 'split', 'CLEAN', 'FAULTS=0', 'W=3'),
  full(holds('split_faults', 'split', 'FAULTS=1', 'W=3')),
  caught('split_past_position', 'split', '"past" is computed from the ranges', 'PAST_BY_POSITION', 'FAULTS=0'),
  caught('split_opener', 'split', 'any planner finishes and calls', 'APPENDED_FIRST', 'OPENER_ALONE', 'FAULTS=1'),
  caught(
    'split_frozen',
    'split',
    'a window is written once, whole',
    'APPENDED_FIRST',
    'FROZEN_BLINDLY',
    'FAULTS=1',
    'W=1',
  ),
  caught('split_onesided', 'split', 'the window after a truncate is a barrier, too', 'ONE_SIDED', 'FAULTS=0'),
  caught('split_head_deleted', 'split', 'the head is never deleted', 'CLEAN', 'HEAD_DELETED', 'FAULTS=0'),

  holds('request', 'request', 'SERVED', 'ONCE'),
  holds('request_head', 'request'),
  {
    name: 'request_twice',
    model: 'request',
    set: ['ONCE'],
    expect: 'known',
    rule: 'with only its own window naming it, a request may be answered twice; harmless to the data',
  },
  caught('request_advances', 'request', 'its window copies `to`', 'ADVANCES', 'SERVED'),
  caught('request_at_damaged', 'request', 'a repair is read AT the `to` of the head', 'AT_DAMAGED', 'SERVED'),
  caught('request_clear_any', 'request', 'the slot is cleared if it still holds that id', 'CLEAR_ANY', 'SERVED'),
  caught('request_clear_first', 'request', 'the slot is cleared after the window is written', 'CLEAR_FIRST', 'SERVED'),
  caught('request_void_first', 'request', 'voided after what makes up for it', 'VOID_FIRST', 'SERVED'),
  caught('request_no_cleanup', 'request', 'an answered request is cleared by the next planner', 'NO_CLEANUP'),
  caught('request_cleanup_void', 'request', 'who clears for another voids first', 'CLEANUP_FORGETS_VOID', 'SERVED'),

  holds('delivery', 'delivery', 'INVOCATIONS=2'),
  full(holds('delivery_full', 'delivery')),
  {
    name: 'delivery_in_flight',
    model: 'delivery',
    set: ['RESOLVE_FIRST=0'],
    expect: 'known',
    rule: 'at-least-once commits half of a transaction that was undecided at the switch, and its marker expires: two strict copies',
    full: true,
  },
  caught('delivery_moves_marked', 'delivery', 'an at-least-once commit sets `marked` to none', 'KEEPS_MARKED=2'),
  caught('delivery_before_ack', 'delivery', 'the position moves after the acks', 'COMMIT_BEFORE_ACK'),
  full(
    caught(
      'delivery_at_position',
      'delivery',
      'a marker not above `position` is ignored',
      'ONLY_BELOW_IGNORED',
      'RESOLVE_FIRST=0',
      'BATCH=1',
    ),
  ),

  holds('stage', 'stage'),
  holds('stage_serial', 'stage', 'AHEAD=0', 'LEDGER=0'),
  caught('stage_no_ledger', 'stage', 'a stage is consumed in its turn (the ledger)', 'LEDGER=0'),
];
