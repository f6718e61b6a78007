/**
 * What heals by itself wakes nobody; what does not wakes somebody once. The table of incidents is held against the alarms of
 * the template, and against alarms that are broken on purpose: each of those must be found out, and each incident must be
 * able to find one out.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { root, synthesize, type Template } from '../../infra/synthesize.ts';
import { loadForStack, readConfigFile } from '../../lambdas/config/load.ts';
import { LIMITS } from '../../lambdas/protocol/health.ts';
import { emptyBundles } from './configs.ts';
import { incidents, judge, nameOf, startDay, type Day, type Incident, type Verdict } from './incidents.ts';

type Replayed = { day: Day; since: number };

const template = example();
const replayed = new Map<Incident, Replayed>();

beforeAll(async () => {
  // Powertools then prints through the console that a test can listen to.
  vi.stubEnv('POWERTOOLS_DEV', 'true');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'false');
  const printed: string[] = [];
  for (const level of ['log', 'info', 'error', 'warn'] as const) {
    vi.spyOn(console, level).mockImplementation((line: unknown) => void printed.push(String(line)));
  }
  for (const incident of incidents) {
    const day = startDay(template, () => printed.splice(0), incident.freshnessMs);
    if (incident.ordinary) await day.pass(60);
    const began = day.minute();
    replayed.set(incident, { day, since: (await incident.replay(day)) ?? began });
  }
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

describe('incidents', () => {
  test.each(incidents)('$name', (incident) => {
    const { day, since } = replayed.get(incident)!;
    const verdict = judge(template, day);
    expect(summary(verdict)).toEqual(expected(incident));
    for (const { minute } of verdict.pages) {
      expect(minute).toBeGreaterThanOrEqual(since);
      expect(minute - since).toBeLessThanOrEqual(incident.within);
    }
  });
});

test('`snowmelt status` calls a source unwell where these alarms ring', () => {
  const threshold = (name: string) =>
    Object.values(template.Resources).find(
      ({ Type, Properties }) =>
        Type === 'AWS::CloudWatch::Alarm' && String(Properties['AlarmName']).endsWith(`-${name}`),
    )?.Properties['Threshold'];
  expect(threshold('Stalled')).toBe(LIMITS.stalledMs / 1000);
  expect(threshold('HistoryRunsOut')).toBe(100 * LIMITS.historyShare);
});

describe('alarms that are broken', () => {
  const broken = mutations(template);

  test.each(broken.filter(({ kind }) => kind !== 'eager'))('$alarm, $kind: an incident tells', ({ mutated }) => {
    expect(incidents.filter((incident) => !holds(mutated, incident))).not.toEqual([]);
  });

  test.each(incidents)('$name: tells of one of them', (incident) => {
    expect(broken.filter(({ mutated }) => !holds(mutated, incident))).not.toEqual([]);
  });
});

/** Whether the incident is judged as it should be. */
function holds(of: Template, incident: Incident): boolean {
  const { day, since } = replayed.get(incident)!;
  const verdict = judge(of, day);
  const intime = verdict.pages.every(({ minute }) => minute >= since && minute - since <= incident.within);
  return intime && JSON.stringify(summary(verdict)) === JSON.stringify(expected(incident));
}

function summary({ pages, tickets }: Verdict): Pick<Incident, 'pages' | 'tickets'> {
  return { pages: pages.map(({ because }) => because), tickets };
}

function expected({ pages, tickets }: Incident): Pick<Incident, 'pages' | 'tickets'> {
  return { pages, tickets };
}

type Mutation = {
  alarm: string;
  kind: 'gone' | 'ten times the threshold' | 'another metric' | 'eager';
  mutated: Template;
};

/** The template with one alarm gone, numb, deaf or eager. What is not changed is shared. */
function mutations({ Resources }: Template): Mutation[] {
  const alarms = Object.entries(Resources).filter(([, { Type }]) => Type === 'AWS::CloudWatch::Alarm');
  return alarms.flatMap(([id, alarm]): Mutation[] => {
    const changed = (Properties: Record<string, unknown>): Template => ({
      Resources: { ...Resources, [id]: { ...alarm, Properties } },
    });
    const { [id]: _, ...others } = Resources;
    const threshold = alarm.Properties['Threshold'] as number;
    const text = JSON.stringify(alarm.Properties);
    const renamed = text.replaceAll(/("MetricName":"|SELECT \w+\()/g, '$1Not');
    return [
      { alarm: nameOf(id), kind: 'gone', mutated: { Resources: others } },
      {
        alarm: nameOf(id),
        kind: 'ten times the threshold',
        mutated: changed({ ...alarm.Properties, Threshold: 10 * threshold }),
      },
      {
        alarm: nameOf(id),
        kind: 'another metric',
        mutated: changed(JSON.parse(renamed) as Record<string, unknown>),
      },
      {
        alarm: nameOf(id),
        kind: 'eager',
        mutated: changed({ ...alarm.Properties, EvaluationPeriods: 1, Threshold: threshold / 10 }),
      },
    ];
  });
}

/** With bundles that are empty, which no alarm minds. */
function example(): Template {
  const dist = mkdtempSync(join(tmpdir(), 'snowmelt-incidents-'));
  try {
    emptyBundles(dist);
    const path = 'config/example.yaml';
    return synthesize(loadForStack(readConfigFile(join(root, path)), { path, deployment: 1 }), dist);
  } finally {
    rmSync(dist, { recursive: true });
  }
}
