/** Draws docs/status.png, the page of `status --web` with sources that are made up: `npm run picture`. Needs Chromium. */
import { writeFileSync } from 'node:fs';
import { sourceStatus, type Look } from '../../cli/source-status.ts';
import { servePage } from '../../cli/web/server.ts';
import type { ResolvedSource } from '../../lambdas/config/resolved.ts';
import type { PartitionItem } from '../../lambdas/protocol/ports/state.ts';
import type { Position } from '../../lambdas/protocol/position.ts';
import type { Window } from '../../lambdas/protocol/window.ts';
import { item, stateOf, windowOf } from '../protocol/fixtures.ts';
import { Chromium, findChromium } from './chromium.ts';

const MINUTE_MS = 60_000;
const LOOKS = 150;
const EVERY_MS = 2_000;
const WIDTH = 800;
const STOPPED_AT = 90;
const ERROR = {
  code: 'RECORD_TOO_LARGE',
  message: 'A record of 1,203,117 bytes is larger than shop.orders takes (max.message.bytes 1,048,588).',
  at: Date.now() - (LOOKS - STOPPED_AT) * EVERY_MS,
};

const start = Date.now() - LOOKS * EVERY_MS;
const time = (ms: number) => new Date(ms).toISOString();

function sourceOf(name: string): ResolvedSource {
  const object = { database: 'SALES', schema: 'PUBLIC', name: name.toUpperCase() };
  return { name, object, topic: `shop.${name}`, paused: false, freshnessMs: 15 * MINUTE_MS } as ResolvedSource;
}

/** Window n ends n times 20 s after the begin; their sizes vary. */
function windowAt(number: number, partitions: number): Window {
  const rows = Array.from({ length: partitions }, (_, p) => 9_000 + Math.round(6_000 * Math.sin(number * (p + 2))));
  const at = (n: number) => time(start - 15 * MINUTE_MS + n * 20_000);
  return windowOf(number, rows, { from: at(number - 1), to: at(number), queriedAt: at(number + 2) });
}

/** A source whose partitions send about `perLook` rows between two looks; `stopped`: the one that does not go on. */
function lookAt(look: number, partitions: number, perLook: number, stopped: number | null): Look {
  const at = start + look * EVERY_MS;
  const head = 42 + Math.floor((look * EVERY_MS) / 20_000);
  const log = Array.from({ length: head }, (_, i) => windowAt(i + 1, partitions));
  const items = Array.from({ length: partitions }, (_, p): PartitionItem => {
    const isStopped = p === stopped && look > STOPPED_AT;
    const looks = isStopped ? STOPPED_AT : look;
    const begun = log.slice(0, 39).reduce((sum, { ranges }) => sum + ranges[p]!.rows, 0);
    const sent = Math.round(begun + perLook * (3 + looks - 2.7 * Math.cos(looks / 9 + p)));
    const change = isStopped
      ? { state: 'needs-operator' as const, lastError: ERROR }
      : { leaseUntil: at + MINUTE_MS, lastSuccessAt: at };
    return item(p, { position: positionAt(log, p, sent), ...change });
  });
  const past = Math.min(...items.map(({ position }) => position!.window)) - 1;
  const state = stateOf(log.slice(past), items, { finishedThrough: past });
  return { state, at, finished: log.slice(0, past) };
}

/** After so many rows of the log, if it has as many. */
function positionAt(log: Window[], partition: number, rows: number): Position {
  let left = rows;
  for (const { number, ranges } of log) {
    const own = ranges[partition]!.rows;
    if (left <= own) return { window: number, row: left };
    left -= own;
  }
  const last = log.at(-1)!;
  return { window: last.number, row: last.ranges[partition]!.rows };
}

const path = findChromium();
if (path === null) throw new Error('Chromium is neither on PATH nor named by CHROMIUM.');
const page = await servePage({ app: 'shop', place: '--env prod' });
const chromium = new Chromium(path);
try {
  let before: Look[] = [];
  for (let look = 0; look < LOOKS; look++) {
    const looks = [lookAt(look, 4, 930, 2), lookAt(look, 2, 960, null)];
    page.show(
      ['orders', 'customers'].map((name, i) => sourceStatus(sourceOf(name), looks[i]!, before[i] ?? null)),
      looks[0]!.at,
    );
    before = looks;
  }
  const { send, ask } = await chromium.open(page.url, WIDTH);
  const height = await ask<number>(`return document.querySelector('.strip') && document.documentElement.scrollHeight`);
  await send('Emulation.setDeviceMetricsOverride', { width: WIDTH, height, deviceScaleFactor: 1, mobile: false });
  const { data } = (await send('Page.captureScreenshot', { format: 'png' })) as { data: string };
  writeFileSync(new URL('../../docs/status.png', import.meta.url), Buffer.from(data, 'base64'));
} finally {
  await chromium.close();
  await page.close();
}
