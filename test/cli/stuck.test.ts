import { expect, test } from 'vitest';
import type { SourceStatus } from '../../cli/source-status.ts';
import { History } from '../../cli/web/history.ts';
import { runbookHtml } from '../../cli/web/runbook.ts';
import { stuckOf } from '../../cli/web/stuck.ts';
import type { Slice, WindowStatus } from '../../cli/windows-status.ts';
import { ERRORS } from '../../lambdas/errors.ts';

const part = { partition: 3, watermark: null, lagMs: 0, position: null, waiting: 5, rowsPerSecond: 2, error: null };
const window = (number: number, state: Slice['state'] = 'waiting'): WindowStatus => ({
  number,
  kind: 'changes',
  from: null,
  to: '2026-01-01T00:00:00.000Z',
  void: false,
  slices: [{ partition: 3, rows: 5, done: state === 'done' ? 5 : 0, state }],
});
const source = (change: Partial<SourceStatus> = {}): SourceStatus => ({
  name: 'payments',
  object: 'DB.S.PAYMENTS',
  topic: 'payments',
  verdict: 'fine',
  head: 9,
  unfinished: 2,
  windows: [window(7, 'done'), window(8), window(9)],
  health: null,
  objectiveMs: null,
  snapshot: null,
  partitions: [{ ...part, state: 'active' }],
  error: null,
  ...change,
});

test('each code comes with its cause, what to do and commands that fit the source and the place', () => {
  for (const [code, facts] of Object.entries(ERRORS)) {
    const stopped = { ...part, state: 'needs-operator', error: { code, message: 'm', at: 0 } };
    const [found, ...others] = stuckOf(source({ partitions: [stopped] }), '--env test');
    expect(others).toEqual([]);
    expect(found).toMatchObject({ entry: code, partition: 3, stopped: true, action: facts.action });
    expect(found!.run).toHaveLength(facts.retry === 'operator' ? facts.run.length : 1);
    for (const run of found!.run) {
      expect(run).not.toMatch(/orders|prod|42/);
      expect(run).toMatch(/payments --env test|cdk deploy -c env=test/);
      if (run.includes('void')) expect(run).toContain('--window 8');
    }
  }
});

test('what shows without an error has the entry of its alarm; who stopped comes first', () => {
  const found = stuckOf(
    source({
      verdict: 'stalled',
      error: { code: 'FROM_A_NEWER_RELEASE', message: 'm', at: 0 },
      partitions: [{ ...part, state: 'needs-operator' }],
    }),
    '--local',
  );
  expect(found.map(({ entry, stopped, action }) => [entry, stopped, action])).toEqual([
    ['NeedsOperator', true, null],
    ['Stalled', false, null],
    ['FROM_A_NEWER_RELEASE', false, null],
  ]);
  expect(stuckOf(source(), '--local')).toEqual([]);
});

test('a window that the state has no longer is finished; unfinished ones are kept, of the others the newest', () => {
  const history = new History();
  history.add(source(), 1);
  const { points, windows } = history.add(source({ windows: [window(9)] }), 2);
  expect(points).toEqual([{ at: 2, freshnessMs: null, rowsPerSecond: 2 }]);
  expect(windows.map(({ number, slices }) => [number, slices[0]!.state])).toEqual([
    [8, 'done'],
    [9, 'waiting'],
  ]);
  const many = Array.from({ length: 100 }, (_, i) => window(i + 10, 'done'));
  history.add(source({ head: 109, windows: [window(9), ...many] }), 3);
  const numbers = history.all.windows.map(({ number }) => number);
  expect([numbers.length, numbers[0], numbers[1], numbers.at(-1)]).toEqual([64, 9, 47, 109]);
  history.add(source({ head: 1, windows: [window(1)] }), 4);
  expect(history.all.windows.map(({ number }) => number)).toEqual([1]);
  expect(history.all.points).toHaveLength(4);
});

test('the runbook: anchors, code and commands, with nothing left of Markdown', () => {
  expect(
    runbookHtml('<!-- c -->\n# A\n\n### B\n\n_Page._ `a <b>` and [c](d.md), [B](#b).\n\n```\nx < y\nz\n```\n'),
  ).toBe(
    '<h1 id="A">A</h1>\n<h3 id="B">B</h3>\n<p><em>Page.</em> <code>a &lt;b&gt;</code> and c, <a href="#B">B</a>.</p>\n<pre>x &lt; y\nz</pre>',
  );
});
