/**
 * The gate's rules as a simulation over the real `nextWindow` and `withSighting`: commits that become visible late, clocks
 * of commits and gate that differ, polls, quiet tables. Virtual time, seeded: each run is the same every time.
 *
 * A commit stamped c is visible at c + skew + delay. The gate reads, at x, server time x and a token that counts the visible
 * commits. A window (from, to] delivers the visible commits stamped within it. Lost: in no window, though windows passed it.
 */
import { describe, expect, test } from 'vitest';
import { nextWindow, withSighting, type PlanSettings } from '../../lambdas/protocol/next-window.ts';
import type { Sighting } from '../../lambdas/protocol/ports/state.ts';
import { item, layout, stateOf, windowOf } from './fixtures.ts';

const settings: PlanSettings = { safetyLagMs: 30_000, marginMs: 5_000, maxWindowMs: 900_000, maxOpenWindows: 64 };
const START = Date.parse('2026-01-01T00:00:00.000Z');
const RETENTION = 10_000_000;

type Rules = {
  /** Seconds between polls, and by how much a commit's stamp and the server's clock differ at most. */
  poll: number;
  skew: number;
  /** Seconds between bursts of commits, on average, and until a commit can be seen, at most. */
  quiet: number;
  delay: number;
  /** How many commits the token does not tell. */
  blind?: number;
  /** Taken out: the newest token seen is compared and stored, not the one that the window is known to include. */
  lastSeen?: boolean;
  /** Taken out: a sighting counts for `to` without being older than it by the margin. */
  noMargin?: boolean;
  /** Taken out: an old head opens no ordinary window. */
  quietStays?: boolean;
  /** Taken out: only sightings younger than `safetyLag` are kept. */
  forgets?: boolean;
};

function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One table's life of 40,000 s or 60 bursts, and how many of its commits no window had. */
function live(rules: Rules, seed: number): { commits: number; lost: number; windows: number } {
  const next = random(seed);
  const end = START + Math.max(40_000, rules.quiet * 20) * 1_000;
  const commits: { stamp: number; visible: number; told: boolean }[] = [];
  for (let t = START + 100_000; t < end; t -= Math.log(1 - next()) * rules.quiet * 1_000) {
    for (let n = Math.floor(next() * 3); n >= 0; n--) {
      t += next() * 2_000;
      const stamp = Math.round(t + rules.skew * 1_000 * (2 * next() - 1));
      commits.push({ stamp, visible: t + next() * rules.delay * 1_000, told: next() >= (rules.blind ?? 0) });
    }
  }
  const delivered = new Set<number>();
  const chosen = rules.noMargin === true ? { ...settings, marginMs: 0 } : settings;
  let head = windowOf(1, [], { covered: '0', to: new Date(START).toISOString() });
  let sightings: Sighting[] = [];
  let windows = 0;
  let seen = 0;
  // Visible ones only grow: a pointer over them sorted, instead of a count at each poll.
  const told = commits
    .filter((commit) => commit.told)
    .map((commit) => commit.visible)
    .sort((a, b) => a - b);
  for (let x = START; x < end + 2 * RETENTION; x += rules.poll * 1_000 * (0.98 + 0.04 * next())) {
    const now = Math.round(x);
    while (seen < told.length && told[seen]! <= x) seen++;
    const token = String(seen);
    const sighting = { token, at: now, createdOn: null };
    sightings = withSighting(sightings, sighting, chosen);
    if (rules.lastSeen === true) sightings = [{ ...sighting, at: START }];
    if (rules.forgets === true) sightings = sightings.filter((kept) => kept.at > now - settings.safetyLagMs);
    const meta = { sightings, finishedThrough: head.number, retentionMs: rules.quietStays === true ? null : RETENTION };
    const state = { ...stateOf([], [item(0)], meta), head };
    const candidate = nextWindow(state, layout, now, chosen, false);
    if (candidate === null) continue;
    const [from, to] = [Date.parse(head.to), Date.parse(candidate.to)];
    commits.forEach((commit, i) => {
      if (from < commit.stamp && commit.stamp <= to && commit.visible <= x) delivered.add(i);
    });
    windows++;
    head = windowOf(candidate.number, [], { covered: candidate.covered, to: candidate.to });
  }
  return { commits: commits.length, lost: commits.length - delivered.size, windows };
}

function lives(rules: Rules, seeds = 8): { commits: number; lost: number } {
  const all = Array.from({ length: seeds }, (_, seed) => live(rules, seed + 1));
  return {
    commits: all.reduce((sum, run) => sum + run.commits, 0),
    lost: all.reduce((sum, run) => sum + run.lost, 0),
  };
}

const busy: Rules = { poll: 10, skew: 0, quiet: 1_500, delay: 5 };
const still: Rules = { poll: 60, skew: 2, quiet: 8_000, delay: 0.5 };
const skewed: Rules = { poll: 2, skew: 4, quiet: 1_500, delay: 0.5 };

describe('as the code has it, no change is lost', () => {
  test.each<[string, Rules]>([
    ['polls of 10 s, commits seen up to 5 s late', busy],
    ['polls of a minute', { ...busy, poll: 60 }],
    ['a quiet table, clocks 2 s apart', still],
    ['clocks 4 s apart, polls of 2 s', skewed],
    ['a token that misses one commit in twenty', { ...still, blind: 0.05 }],
  ])('%s', (_, rules) => {
    const { commits, lost } = lives(rules);
    expect(commits).toBeGreaterThan(100);
    expect(lost).toBe(0);
  });
});

describe('with a rule taken out changes are lost, or never come', () => {
  test.each<[string, Rules]>([
    ['the baseline is the token seen last', { ...busy, lastSeen: true, quietStays: true }],
    ['a sighting needs no margin', { ...skewed, noMargin: true, quietStays: true }],
    ['a token that misses commits, and an old head opens nothing', { ...still, blind: 0.2, quietStays: true }],
    ['only young sightings are kept', { ...busy, poll: 60, forgets: true, quietStays: true }],
  ])('%s', (_, rules) => {
    expect(lives(rules).lost).toBeGreaterThan(0);
  });
});
