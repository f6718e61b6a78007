/**
 * What nobody outside Snowflake knows for sure, and what the stand-in does about it. An entry with
 * alternatives can be switched at run time. Evidence: [doc] Snowflake's documentation,
 * [measured] other people's tests against accounts, [none] a choice.
 */

export type Assumption = {
  id: string;
  question: string;
  /** The default; one of `alternatives`. */
  assumed: string;
  evidence: string;
  alternatives: readonly string[];
  /** Where it shows: the switch changes the engine, or the text only says what is done. */
  switchable: boolean;
};

const entry = (
  id: string,
  question: string,
  assumed: string,
  evidence: string,
  alternatives: readonly string[] = [],
): Assumption => ({
  id,
  question,
  assumed,
  evidence,
  alternatives: alternatives.length > 0 ? [assumed, ...alternatives] : [],
  switchable: alternatives.length > 0,
});

export const ASSUMPTIONS: readonly Assumption[] = [
  entry(
    'future-code',
    'Error code of AT or END in the future (P3)?',
    '002148',
    '[measured] the text; the code is a choice',
    ['000707'],
  ),
  entry(
    'recreated-code',
    'CHANGES from before a CREATE OR REPLACE: 000707 or 091930 (E10)?',
    '000707',
    '[measured] both texts occur, by access path',
    ['091930'],
  ),
  entry(
    'point-resolution',
    'Are digits below a millisecond in AT and END kept (P4)?',
    'ms',
    '[doc] the smallest time resolution is milliseconds',
    ['ns'],
  ),
  entry('commit-resolution', 'Resolution of commit times?', 'us', '[measured] samples end in 000000 ns', ['ms']),
  entry(
    'privilege-of-token',
    'Which privilege does SYSTEM$LAST_CHANGE_COMMIT_TIME need?',
    'SELECT on the table',
    '[none] undocumented; what reading needs is enough for all else',
  ),
  entry('token-without-changes', 'SYSTEM$LAST_CHANGE_COMMIT_TIME of a table that never changed?', 'null', '[none]', [
    'created',
  ]),
  entry(
    'token-of-empty-dml',
    'Does a DML that matches no row move the token?',
    'unchanged',
    '[none] no new table version is written',
    ['moves'],
  ),
  entry(
    'change-seen-dropped-column',
    'An update of a column that was dropped since: a change?',
    'no',
    '[measured] images are read with the current columns',
  ),
  entry(
    'tracking-before-enablement',
    'CHANGES from before tracking was switched on, nothing changed in between?',
    'refused',
    '[doc] no history before enablement; a start without changes may pass',
    ['accepted'],
  ),
  entry(
    'row-id-after-retracking',
    'Do METADATA$ROW_IDs change when tracking is switched off and on?',
    'change',
    '[doc] may change',
    ['stay'],
  ),
  entry('swap-created-on', 'Does created_on go with the object in SWAP WITH (P8)?', 'goes with the object', '[none]'),
  entry('swap-history', 'CHANGES by name after SWAP WITH (P8)?', 'reads the other object’s history', '[none]'),
  entry('undrop-history', 'CHANGES across DROP and UNDROP (P11)?', 'works, nothing is lost', '[none]', ['lost']),
  entry('undrop-created-on', 'created_on after UNDROP?', 'the first one', '[none]'),
  entry('widen', 'CHANGES across a widened column (P10)?', 'works, old images in the new type', '[none]'),
  entry('rename-column', 'CHANGES across RENAME COLUMN (P10)?', 'old images under the new name', '[none]'),
  entry('drop-column', 'CHANGES across DROP COLUMN (P10)?', 'the column is not there', '[measured]'),
  entry('add-column-default', 'Old images after ADD COLUMN DEFAULT?', 'show the default', '[doc] [measured]'),
  entry(
    'append-only-in-transaction',
    'APPEND_ONLY image of a row inserted and updated in one transaction?',
    'the image at the commit',
    '[none] versions are made by commits',
  ),
  entry(
    'point-bind',
    'Do binds work in AT and END (P4)?',
    'refused',
    '[none] undocumented, so nobody may depend on it',
    ['accepted'],
  ),
  entry('changes-constant', 'CURRENT_TIMESTAMP in AT of CHANGES?', 'refused as not constant', '[measured]'),
  entry('changes-backwards', 'END earlier than AT?', 'empty', '[none] never sent by the product'),
  entry(
    'statement-of-select',
    'AT(STATEMENT) of a SELECT or of BEGIN and COMMIT (P13)?',
    'refused',
    '[doc] allows them, how they are resolved is not said',
    ['its start'],
  ),
  entry('statement-not-found', 'Error code of an unknown statement id (P13)?', '000709', '[none] from memory'),
  entry(
    'system-function-warehouse',
    'Does SELECT SYSTEM$LAST_CHANGE_COMMIT_TIME or SYSTEM$STREAM_HAS_DATA need a warehouse (P12)?',
    'no',
    '[none]',
  ),
  entry('result-scan-warehouse', 'Does RESULT_SCAN need a warehouse?', 'yes', '[none] it is a SELECT'),
  entry(
    'hash-agg',
    'Values of HASH and HASH_AGG?',
    'a sum of 64-bit row hashes',
    '[doc] proprietary; only equality means something',
  ),
  entry('float-text', 'Does TO_VARCHAR(f, ‘TME’) give the shortest exact digits (P14)?', 'yes', '[none]'),
  entry(
    'array-null-json',
    'TO_JSON of an array with a missing element?',
    'undefined',
    '[doc] an array displays it so',
    ['null'],
  ),
  entry('json-key-order', 'Order of keys in TO_JSON(PARSE_JSON(...))?', 'as in the text', '[none] accounts sort them'),
  entry(
    'json-numbers',
    'Digits of numbers in TO_JSON(PARSE_JSON(...))?',
    'as in the text',
    '[none] accounts may shorten 1.10',
  ),
  entry('result-reuse', 'Is an identical CHANGES text answered from the result cache (P15)?', 'never', '[none]'),
  entry(
    'truncate-transaction',
    'Does TRUNCATE commit an open transaction?',
    'no, it is part of it',
    '[doc] it is tracked like DML',
  ),
  entry(
    'no-op-row',
    'Is a row updated to the same value a change?',
    'no',
    '[doc] net delta; away and back is measured',
  ),
  entry('text-cast-length', 'Does CAST to a shorter VARCHAR cut the text?', 'yes; an assignment is an error', '[none]'),
  entry(
    'multi-joined-rows',
    'UPDATE FROM with several matches of a row?',
    'any one of them; counted as 0 multi-joined rows',
    '[doc] one is taken, which is not defined',
  ),
  entry('tie-order', 'Order of rows that ORDER BY leaves open?', 'random', '[doc] undefined'),
  entry('timestamp-tz-image', 'Is an update of only the offset of a TIMESTAMP_TZ a change?', 'yes', '[none]'),
  entry(
    'retention-of-changes',
    'May CHANGES AT(TIMESTAMP) use history beyond the retention (P6)?',
    'no',
    '[doc] conflicting',
  ),
  entry('own-writes-changes', 'Does CHANGES inside a transaction show its own writes?', 'no', '[measured] for streams'),
  entry('time-travel-at-creation', 'AT exactly the creation time?', 'refused', '[doc] at or before creation fails'),
  entry(
    'error-codes',
    'Codes of 001015, 001420, 001008, 002014, 002023, 002043, 002121, 100046, 100069, 100078?',
    'as remembered; the texts too',
    '[none] not in any source that was read',
  ),
  entry(
    'deadlock',
    'Two transactions that wait for each other’s table?',
    'both wait until cancelled',
    '[doc] an account aborts one',
  ),
  entry(
    'stale-stream',
    'Code and text of an error that reads a stale stream (P7)?',
    '091901',
    '[none] not in any source; the product goes by SHOW STREAMS',
  ),
  entry(
    'stream-of-dropped-table',
    'STALE and invalid_reason of a stream whose table was dropped?',
    'true; Base table dropped',
    '[none]',
  ),
  entry(
    'stale-has-data',
    'SYSTEM$STREAM_HAS_DATA of a stale stream?',
    'TRUE',
    '[doc] never a false negative; of stale ones nothing is said',
  ),
  entry(
    'initial-has-data',
    'SYSTEM$STREAM_HAS_DATA before the initial rows were consumed?',
    'TRUE, also where there are none',
    '[none]',
  ),
  entry(
    'stream-initial-rows',
    'What of a stream with SHOW_INITIAL_ROWS is consumed first?',
    'exactly the rows at its start; then exactly the changes since',
    '[measured]',
  ),
  entry(
    'stream-offset',
    'Where does a stream stand after it was consumed?',
    'at the start of the transaction; commits that the session could not see yet stay in it',
    '[doc] the start of the transaction; [none] the rest',
  ),
  entry(
    'stream-of-create-if-not-exists',
    'Does CREATE TABLE IF NOT EXISTS x AS SELECT ... FROM a stream consume it when x is there (P5)?',
    'no',
    '[none] the product does not depend on it',
  ),
  entry(
    'stream-locked',
    'A second transaction that consumes a stream while the first one does?',
    'waits, and then finds what is left',
    '[doc] the stream is locked',
  ),
  entry(
    'update-after-wait',
    'Does an UPDATE that waited for another transaction see what that one committed?',
    'yes',
    '[doc] statements of one table wait for each other; each sees what was committed before it began to work',
  ),
  entry(
    'block-error',
    'Code of an error that a block raises again?',
    'that of the statement which failed',
    '[none] the product looks at the ledger, not at the code',
  ),
  entry(
    'block-cancelled',
    'A block that is cancelled inside its transaction?',
    'rolled back at once',
    '[none] an account may leave it open until the session ends',
  ),
  entry('block-sqlrowcount', 'SQLROWCOUNT after an UPDATE?', 'the rows updated', '[doc]'),
  entry(
    'imported-time-travel',
    'AT and CHANGES of a table of a database made from a share?',
    'works',
    '[doc] Time Travel of imported databases is listed as not supported; streams on their tables are, and of CHANGES nothing is said',
    ['refused'],
  ),
  entry(
    'imported-facts',
    'SHOW TABLES and SYSTEM$LAST_CHANGE_COMMIT_TIME of a table of such a database?',
    'what its provider is told, change tracking and retention too',
    '[none] undocumented',
  ),
  entry(
    'imported-ddl',
    'Code and text of an error that changes what is in such a database?',
    '003001, as where a privilege is missing',
    '[doc] it is read-only; the error is a choice',
  ),
  entry(
    'directory-refresh',
    'When does a directory table show that a file came, changed or went?',
    'at once',
    "[doc] with the cloud's notices of an external stage, else after ALTER STAGE REFRESH",
  ),
  entry(
    'directory-overwrite',
    'A file that was overwritten, in a stream on its directory table?',
    'a DELETE and an INSERT that are no update',
    '[none] all that is documented is that such streams are standard ones and their row ids empty',
  ),
  entry('stream-namespace', 'May a stream have the name of a table of its schema?', 'no', '[none]'),
  entry('parameters', 'Session parameters with another than their usual meaning?', 'refused', '[none] never ignored'),
];

/** Number of assumptions. */
export const ASSUMPTION_COUNT = ASSUMPTIONS.length;

const BY_ID = new Map(ASSUMPTIONS.map((a) => [a.id, a]));

/** One engine's answers. */
export class Assumptions {
  readonly #chosen = new Map<string, string>();

  get(id: string): string {
    const known = BY_ID.get(id);
    if (!known) throw new Error(`no such assumption: ${id}`);
    return this.#chosen.get(id) ?? known.assumed;
  }

  /** Switches an answer; only one of its alternatives is taken. */
  assume(id: string, answer: string): void {
    const known = BY_ID.get(id);
    if (!known?.switchable || !known.alternatives.includes(answer))
      throw new Error(`assumption ${id} can't be ${answer}: ${known?.alternatives.join(', ') || 'not switchable'}`);
    this.#chosen.set(id, answer);
  }

  reset(): void {
    this.#chosen.clear();
  }
}
