/**
 * The rules of docs/design.md, 3 and 4, each with what turns it off: pieces of the product's text and what takes their
 * place, in a process of its own. A piece that is not found exactly once fails the run, so the table keeps in step.
 */
import type { Upheaval } from '../protocol/memory/chaos.ts';

export type Edit = { file: string; find: string; replace: string };
export type Rule = {
  rule: string;
  edits: Edit[];
  /** Only lives with these upheavals; all of them otherwise. */
  upheavals?: Upheaval[];
  /** How many lives it may take, where that is more than the run has: what it is for is rare. */
  lives?: number;
  /** Why these lives need not notice, and what else does. */
  unnoticed?: string;
};

const protocol = (file: string, find: string, replace: string): Edit => ({ file: `protocol/${file}`, find, replace });
const checkpoints = (file: string, find: string, replace: string): Edit => ({
  file: `checkpoints/${file}`,
  find,
  replace,
});

/** lambdas/kafka's rules in their place in memory; on the wire each has a test of its own in test/kafka. */
const client = (find: string, replace: string): Edit => ({
  file: '../test/protocol/memory/kafka.ts',
  find,
  replace,
});

export const RULES: Rule[] = [
  {
    rule: 'the marker wins over the store',
    edits: [
      protocol('reconcile.ts', 'position: maxPosition(item.position, marker.position),', 'position: item.position,'),
    ],
  },
  {
    rule: 'reconcile after every InitProducerId, not on the first open only',
    edits: [
      protocol(
        'publish.ts',
        'const decision = decide(run, state, producer);',
        'const decision = run.reconciled ? { position: lease.item.position, marked: lease.item.marked } : decide(run, state, producer);',
      ),
    ],
  },
  {
    rule: 'a write of this epoch whose reply was lost counts when the marker is compared',
    lives: 3000,
    edits: [protocol('publish.ts', 'return ours ? stored : known;', 'return ours ? known : known;')],
  },
  {
    rule: 'the epoch is checked after InitProducerId',
    edits: [
      checkpoints(
        'leases.ts',
        'requireAll(leaseIsMine(item.epoch, lease.owner), positionNotBeyond(position))',
        'requireAll(positionNotBeyond(position))',
      ),
      checkpoints(
        'leases.ts',
        'if (!isMine(lease, standing)) return null;\n  // The epoch is mine, so',
        '// The epoch is mine, so',
      ),
    ],
  },
  {
    rule: 'the epoch is checked with every commit',
    upheavals: ['void'],
    unnoticed:
      'it takes a void window, a barrier and two owners at once: the model tries that (window_void_no_epoch), these lives do not',
    edits: [
      checkpoints(
        'leases.ts',
        'requireAll(leaseIsMine(item.epoch, lease.owner), positionIs(item.position, change.position))',
        'requireAll(positionIs(item.position, change.position))',
      ),
      checkpoints(
        'leases.ts',
        'if (!isMine(lease, standing)) return null;\n  if (comparePositions',
        'if (comparePositions',
      ),
    ],
  },
  {
    rule: 'positions never go back',
    edits: [
      checkpoints(
        'leases.ts',
        'requireAll(leaseIsMine(item.epoch, lease.owner), positionIs(item.position, change.position))',
        'requireAll()',
      ),
      checkpoints(
        'leases.ts',
        'requireAll(leaseIsMine(item.epoch, lease.owner), positionNotBeyond(position))',
        'requireAll()',
      ),
    ],
  },
  {
    rule: 'a missing marker does not mean that nothing was committed',
    upheavals: ['expiry'],
    edits: [
      protocol(
        'reconcile.ts',
        'if (marker === null) return reconcileMissing(input);',
        'if (marker === null) return { position: item.position, marked: null };',
      ),
    ],
  },
  {
    rule: '`marked` is kept',
    upheavals: ['data loss'],
    edits: [
      protocol('reconcile.ts', 'marked: { position: marker.position, at: marker.at },', 'marked: null,'),
      protocol('commits.ts', 'marked: exactlyOnce ? { position, at } : null,', 'marked: null,'),
    ],
  },
  {
    rule: '`open` stays with an unknown outcome',
    upheavals: ['expiry'],
    unnoticed:
      'a commit of unknown outcome has to be followed by an expired marker: the model tries that (publish_undecided), these lives seldom do',
    edits: [
      protocol(
        'publish.ts',
        'closeOpen: marks(run) && run.reconciled && !run.undecided,',
        'closeOpen: marks(run) && run.reconciled,',
      ),
    ],
  },
  {
    rule: '`open` stays with a release that never reconciled',
    upheavals: ['expiry'],
    edits: [
      protocol(
        'publish.ts',
        'closeOpen: marks(run) && run.reconciled && !run.undecided,',
        'closeOpen: marks(run) && !run.undecided,',
      ),
    ],
  },
  {
    rule: 'a void window is passed after a reconcile',
    upheavals: ['void'],
    edits: [
      protocol(
        'publish.ts',
        '      if (run.producer === null) {\n        await open',
        '      if (run.producer === null && window?.void !== true) {\n        await open',
      ),
      protocol(
        'publish.ts',
        'await run.producer.close();\n        run.producer = null;',
        'await run.producer?.close();\n        run.producer = null;',
      ),
    ],
  },
  {
    rule: 'a cut falls between keys',
    edits: [
      protocol(
        'pairing.ts',
        '          this.#held = true;\n',
        '          this.#held = true;\n          this.done = this.#taken;\n',
      ),
    ],
  },
  {
    rule: 'the gate’s baseline is what the window includes, not the last token seen',
    edits: [
      protocol(
        'next-window.ts',
        'const covered = sighting === undefined ? head.covered : sighting.token;',
        'const covered = state.meta.sightings.at(-1)?.token ?? head.covered;',
      ),
    ],
  },
  {
    rule: 'sightings count after the margin',
    upheavals: ['nothing'],
    edits: [protocol('next-window.ts', 'sighting.at <= toMs - marginMs', 'sighting.at <= toMs')],
  },
  {
    rule: 'a barrier has two sides: the window after a truncate is one too',
    upheavals: ['truncate'],
    edits: [protocol('past.ts', ' || changesMeaning(before.kind)', '')],
  },
  {
    rule: 'every window after a barrier minds it',
    upheavals: ['layout'],
    unnoticed:
      'an owner has to be at the second window after a barrier while another is before it: the model tries that (window_barrier_itself), these lives seldom do',
    edits: [protocol('past.ts', 'candidate.number > window.number', 'candidate.number !== window.number')],
  },
  {
    rule: 'another layout is a barrier',
    upheavals: ['layout'],
    edits: [protocol('past.ts', ' || window.layout !== before.layout', '')],
  },
  {
    rule: 'the marker is read after InitProducerId, never before',
    edits: [
      client(
        `    const epoch = await this.#poll('InitProducerId', true, () => this.#broker.initProducerId(id));
    const marker = await this.#poll('OffsetFetch', true, () => this.#broker.offsetFetch(id));
`,
        `    const marker = await this.#poll('OffsetFetch', true, () => this.#broker.offsetFetch(id));
    const epoch = await this.#poll('InitProducerId', true, () => this.#broker.initProducerId(id));
`,
      ),
    ],
  },
  {
    rule: 'any error ends the producer',
    edits: [
      protocol('publish.ts', '  await run.producer?.close();\n  run.producer = null;\n  // An error', '  // An error'),
      client('      this.#failure ??= error as Error;\n', ''),
    ],
  },
  {
    rule: 'a batch counts only when its own topicPartition was acknowledged',
    edits: [
      client(
        'await this.#requests.produce(sequence, records);',
        'await this.#requests.produce(sequence, records).catch(() => undefined);',
      ),
    ],
  },
  {
    rule: 'a transactional request whose answer was lost is not repeated',
    unnoticed:
      'a copy has to arrive within the next transaction of the same epoch: a test in test/kafka brings that about',
    edits: [
      client(
        'const reply = await this.#wire.request(name, { repeatable, lost, effect });',
        'const reply = await this.#wire.request(name, { repeatable, lost, effect }).catch(() => this.#wire.request(name, { repeatable, lost, effect }));',
      ),
    ],
  },
  {
    rule: 'the head is never deleted',
    edits: [
      checkpoints(
        'window-log.ts',
        'Math.min(below, await headNumber(table, source)) - 1;',
        'Math.min(below, await headNumber(table, source));',
      ),
    ],
  },
  {
    rule: 'reads that decide are consistent',
    edits: [
      checkpoints('table.ts', 'Key: keyItem(key), ConsistentRead: true }', 'Key: keyItem(key) }'),
      checkpoints('table.ts', '        ConsistentRead: true,\n', ''),
    ],
  },
  {
    rule: '"past" is computed from the windows’ ranges, not the stored position',
    edits: [
      protocol(
        'past.ts',
        'return range === undefined || comparePositions(item.position, { window: window.number, row: range.rows }) >= 0;',
        'return (item.position?.window ?? 0) >= window.number && (range === undefined || comparePositions(item.position, { window: window.number, row: range.rows }) >= 0);',
      ),
    ],
  },
  {
    rule: 'a window is written once',
    edits: [
      checkpoints(
        'table.ts',
        "ConditionExpression: 'attribute_not_exists(#pk)',",
        "ConditionExpression: 'attribute_not_exists(#pk) OR attribute_exists(#pk)',",
      ),
    ],
  },
  {
    rule: 'a bulk query is compared with the copy before',
    upheavals: ['bulk query'],
    edits: [protocol('stage.ts', "kind === 'changes' ? baseFor(state, layout, columns) : null;", 'null;')],
  },
  {
    rule: 'the newest copy is kept for the window after it',
    upheavals: ['bulk query', 'incrementing query'],
    edits: [protocol('stage.ts', 'needed = neededCopies(head, windows)', 'needed = []')],
  },
  {
    rule: 'a copy or stage above the head may still get a window',
    upheavals: ['bulk query', 'incrementing query', 'stream', 'managed stream'],
    edits: [protocol('stage.ts', 'through: head.number', 'through: Infinity')],
  },
  {
    rule: 'a copy stays until its snapshot is published',
    upheavals: ['copied snapshot'],
    edits: [protocol('copy.ts', 'windows.flatMap(({ staged }) => staged?.table ?? [])', '[]')],
  },
  {
    rule: 'a new snapshot of a bulk query is what its newest copy holds',
    upheavals: ['bulk query'],
    edits: [
      protocol(
        'stage.ts',
        'request !== null && head?.staged !== undefined',
        'request === undefined && head?.staged !== undefined',
      ),
    ],
  },
  {
    rule: 'a stage of a stream is consumed in its turn, or not at all',
    upheavals: ['stream', 'managed stream'],
    edits: [
      { file: '../test/protocol/memory/streams.ts', find: '    if (!isTurn) return [];\n', replace: '' },
      // Without a ledger nobody finds out.
      protocol(
        'stream.ts',
        '  if (mine && entry.stage === number) return entry;',
        '  if (entry !== null) return entry;',
      ),
    ],
  },
  {
    rule: 'that a stage may be consumed is noted before it is',
    upheavals: ['stream', 'managed stream'],
    edits: [protocol('stream.ts', '  await checkpoints.updateMeta(source, { consuming: number });\n', '')],
  },
  {
    rule: 'what was consumed gets its window, though the stream is empty then',
    upheavals: ['stream'],
    edits: [protocol('next-window.ts', ' || (stream !== undefined && isConsuming(state))', '')],
  },
  {
    rule: 'a stage that another consumed covers no token that was seen later',
    upheavals: ['managed stream'],
    edits: [protocol('stream.ts', 'stream!.managed ? (head?.covered ?? null) : covered', 'covered')],
  },
  {
    rule: 'a stage is named by its window: no later beginning has that number',
    upheavals: ['managed stream'],
    lives: 3000,
    edits: [protocol('stream.ts', 'name: copyName(incarnation, number)', 'name: copyName(incarnation, turn.number)')],
  },
  {
    rule: 'a managed stream of a later beginning is not dropped',
    upheavals: ['managed stream'],
    lives: 3000,
    edits: [protocol('stream.ts', 'began(name) < began(newest.name)', 'name !== newest.name')],
  },
  {
    rule: 'the first stage of a stream that another made covers no token that was seen later',
    upheavals: ['managed stream'],
    lives: 3000,
    edits: [
      protocol('stream.ts', 'turn.number > 1 || began ? scan.covered', 'turn.number >= 1 || began ? scan.covered'),
    ],
  },
  {
    rule: 'for which window a stage may have been consumed only grows',
    upheavals: ['stream', 'managed stream'],
    lives: 3000,
    edits: [checkpoints('source-meta.ts', '    ...(consuming ? [consumingNotBeyond(consuming)] : []),\n', '')],
  },
  {
    rule: 'the marker is committed with the records',
    edits: [
      protocol(
        'commits.ts',
        '    position,\n    incarnation:',
        '    position: run.lease.item.position ?? position,\n    incarnation:',
      ),
    ],
  },
];
