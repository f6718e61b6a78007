import { expect, test } from 'vitest';
import { plainLine, render, summary, type ViewModel } from '../../local/demo/view.ts';

const partition = (number: number, over: object = {}) => ({
  partition: number,
  state: 'active',
  watermark: '2026-01-02T03:04:05.678Z',
  lagMs: 1_250,
  position: '1234:5678',
  waiting: 750_000,
  rowsPerSecond: 12_345.6,
  error: null,
  ...over,
});

const model: ViewModel = {
  seconds: 3_725,
  sources: [
    {
      name: 'flights',
      object: 'DEMO.PUBLIC.FLIGHTS',
      topic: 'demo.flights',
      verdict: 'needs-operator',
      head: 1_234,
      unfinished: 2,
      windows: [],
      health: null,
      objectiveMs: null,
      snapshot: { published: 2_999_999, planned: 3_000_000 },
      partitions: [
        partition(0),
        partition(1, {
          state: 'needs-operator',
          error: { code: 'TOPIC_DIFFERS', message: `the topic\nhas 3 partitions ${'and so on '.repeat(20)}`, at: 1 },
        }),
        partition(2, { watermark: null, position: null, waiting: 0, rowsPerSecond: null }),
      ],
      error: null,
    },
  ],
  writer: { commits: 1_000, changes: 25_000 },
  warehouse: { resumes: 3, statements: 123_456, gates: 1_234_567 },
  invocations: 12_345,
};

test('no line is wider than the terminal', () => {
  for (const width of [80, 100])
    for (const line of render(model, width)) expect(line.length, line).toBeLessThanOrEqual(width);
});

test('each partition has state, watermark, lag, position, rows left, rows/s and last error', () => {
  const shown = render(model).join('\n');
  expect(shown).toContain('needs an operator; window 1,234, 2 unfinished');
  expect(shown).toMatch(/ 0 {2}active +03:04:05 +1\.3 s {2}1234:5678 +750,000 +12,346$/m);
  expect(shown).toMatch(
    / 1 {2}needs-operator .*\n +last error: TOPIC_DIFFERS: the topic has 3 partitions .*\n {6}and so on/m,
  );
  expect(shown).toContain('what to do: Create or grow the topic');
  expect(shown).toMatch(/ 2 {2}active +- +- {2}- +0 +-$/m);
});

test('the progress bar is full only when all is published', () => {
  const bar = render(model).find((line) => line.startsWith('snapshot'))!;
  expect(bar).toContain('99 %');
  expect(bar).toContain('2,999,999 of 3,000,000');
  const done = { ...model, sources: [{ ...model.sources[0]!, snapshot: null }] };
  expect(render(done).join('\n')).not.toContain('snapshot');
});

test('plain lines and the summary say it in a few words', () => {
  expect(plainLine(model)).toContain(
    '01:02:05 flights: needs-operator, window 1,234, 24,691 rows/s, lag 1.3 s, snapshot 99 %, last error: TOPIC_DIFFERS',
  );
  expect(plainLine(model)).not.toContain('\n');
  expect(summary(model)[0]).toBe('flights: 1,234 windows published to demo.flights');
});
