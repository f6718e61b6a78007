import { expect, test } from 'vitest';
import { parseSchedule } from '../../lambdas/config/schedule.ts';

test.each([
  ['1m', 'rate(1 minute)'],
  ['60s', 'rate(1 minute)'],
  ['5m', 'rate(5 minutes)'],
  ['60m', 'rate(1 hour)'],
  ['7d', 'rate(7 days)'],
  ['rate(1 minutes)', 'rate(1 minute)'],
  ['rate( 90 minutes )', 'rate(90 minutes)'],
  ['rate(24 hours)', 'rate(1 day)'],
  ['cron(0 6 * * ? *)', 'cron(0 6 * * ? *)'],
  ['cron(0/15  8-18 ? jan-mar,dec mon-fri 2026-2030)', 'cron(0/15 8-18 ? JAN-MAR,DEC MON-FRI 2026-2030)'],
  ['cron(0 0 LW * ? *)', 'cron(0 0 LW * ? *)'],
  ['cron(0 0 15W * ? *)', 'cron(0 0 15W * ? *)'],
  ['cron(0 0 ? * 6#3 *)', 'cron(0 0 ? * 6#3 *)'],
  ['cron(0 0 ? * FRIL *)', 'cron(0 0 ? * FRIL *)'],
  ['cron(0 0 29 2 ? *)', 'cron(0 0 29 2 ? *)'],
])('%s becomes %s', (text, expression) => {
  expect(parseSchedule(text)).toEqual({ expression });
});

test.each([
  ['30s', /smallest interval is one minute/],
  ['0m', /smallest interval is one minute/],
  ['90s', /whole minutes/],
  ['400d', /longer than a year/],
  ['rate(30 seconds)', /smallest interval is one minute/],
  ['rate(0 minutes)', /smallest interval is one minute/],
  ['rate(5 weeks)', /minutes, hours or days, not `weeks`/],
  ['rate(1.5 hours)', /not a schedule/],
  ['5 minutes', /not a schedule/],
  ['at(2027-01-01T00:00:00)', /due only once/],
  ['cron(0 6 * * *)', /six fields .* got 5/],
  ['cron(* * * * * *)', /`\?` in exactly one/],
  ['cron(0 0 ? * ? *)', /`\?` in exactly one/],
  ['cron(60 6 * * ? *)', /`60` is no minutes of cron \(0-59\)/],
  ['cron(0 24 * * ? *)', /`24` is no hours/],
  ['cron(0 6 32 * ? *)', /`32` is no day of month/],
  ['cron(0 6 * 13 ? *)', /`13` is no month/],
  ['cron(0 6 ? * 8 *)', /`8` is no day of week/],
  ['cron(0 6 ? * MOON *)', /`MOON` is no day of week/],
  ['cron(0 18-6 * * ? *)', /`18-6` is no hours/],
  ['cron(0/0 6 * * ? *)', /`0\/0` is no minutes/],
  ['cron(0 6 * * ? 1969)', /`1969` is no year/],
  ['cron(? 6 * * ? *)', /`\?` is no minutes/],
  ['cron(0 0 31 2 ? *)', /day 31 never comes in month 2/],
  ['cron(0 0 31 APR,6 ? *)', /never comes/],
])('%s is refused', (text, error) => {
  expect(parseSchedule(text)).toEqual({ error: expect.stringMatching(error) as string });
});
