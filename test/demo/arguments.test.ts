import { describe, expect, test, vi } from 'vitest';
import { parseArguments } from '../../local/demo/arguments.ts';

test('nothing given: interactive, all flights', () => {
  expect(parseArguments([])).toEqual({
    rows: 3_000_000,
    seed: 1,
    config: 'config/local.yaml',
    partitions: null,
    broker: 'embedded',
    untilIdle: false,
    json: false,
    killEveryMs: null,
    hold: false,
  });
});

test('all of it', () => {
  const line =
    '--until-idle --json --rows 1_000_000 --seed 7 --kill-every 300 --config a.yaml --broker apache --partitions 2 --hold';
  expect(parseArguments(line.split(' '))).toEqual({
    rows: 1_000_000,
    seed: 7,
    config: 'a.yaml',
    partitions: 2,
    broker: 'apache',
    untilIdle: true,
    json: true,
    killEveryMs: 300,
    hold: true,
  });
});

describe('refused', () => {
  test.each([
    [['--rows', '0'], 'from 1 to 3000000'],
    [['--rows', '3000001'], 'from 1 to 3000000'],
    [['--rows', '1.5'], 'whole number'],
    [['--seed', 'x'], 'whole number'],
    [['--broker', 'rabbit'], 'embedded, apache'],
    [['--json'], '--json needs --until-idle'],
    [['--kill-every', '300'], '--kill-every needs --until-idle'],
    [['--what'], 'unknown option'],
    [['rows'], 'too many arguments'],
  ])('%j', (line, why) => {
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(() => parseArguments(line)).toThrow(why);
    } finally {
      said.mockRestore();
    }
  });
});

test('--help has examples and fits 80 columns', () => {
  let help = '';
  const said = vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((help += String(text)), true));
  try {
    expect(() => parseArguments(['--help'])).toThrow();
  } finally {
    said.mockRestore();
  }
  expect(help).toContain('npm start -- --until-idle --json');
  for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(80);
});
