/** Which topic is told of the rows of a source that can't be sent, and settings of it that contradict each other. */
import { placed, type Finding, type Parts } from './checks.ts';

type Named = { name: string; partitions: number };
type Settings = { onBadRow?: string | undefined; deadLetterTopic?: Named | undefined };

const LONGEST_TOPIC = 249;

/** null: such rows stop the source. */
export function deadLettersOf(source: Settings & { topic: { name: string } }, defaults: Settings): Named | null {
  if ((source.onBadRow ?? defaults.onBadRow) !== 'dead-letter') return null;
  return source.deadLetterTopic ?? defaults.deadLetterTopic ?? { name: usual(source.topic.name), partitions: 1 };
}

function usual(topic: string): string {
  return `${topic}.deadletters`;
}

/** Sources with a topic that nobody has named, and its name. */
export function ownDeadLetters({ sources, defaults }: Pick<Parts, 'sources' | 'defaults'>): [string, string][] {
  return Object.entries(sources ?? {}).flatMap(([source, settings]): [string, string][] => {
    const topic = settings?.topic?.name;
    if (topic === undefined || (settings?.onBadRow ?? defaults?.onBadRow) !== 'dead-letter') return [];
    return (settings?.deadLetterTopic ?? defaults?.deadLetterTopic) === undefined ? [[source, usual(topic)]] : [];
  });
}

/** `taken`: topics by name, and whose each is. */
export function* deadLetters(parts: Parts, taken: ReadonlyMap<string | undefined, string>): Iterable<Finding> {
  const { defaults } = parts;
  for (const [place, settings] of placed(parts)) {
    const dead = (settings.onBadRow ?? defaults?.onBadRow) === 'dead-letter';
    if (settings.deadLetterTopic !== undefined && !dead)
      yield { path: [...place, 'deadLetterTopic'], message: 'needs `onBadRow: dead-letter`' };
    // Nobody would make one for each table that is found.
    if (place[0] === 'patterns' && dead && (settings.deadLetterTopic ?? defaults?.deadLetterTopic) === undefined)
      yield { path: [...place, 'onBadRow'], message: 'needs a `deadLetterTopic`, which all its sources share' };
  }
  for (const [source, name] of ownDeadLetters(parts)) {
    const path = ['sources', source, 'onBadRow'];
    const owner = taken.get(name);
    const instead = 'name another one with `deadLetterTopic`';
    if (owner !== undefined) yield { path, message: `\`${name}\` is already the topic of ${owner}; ${instead}` };
    if (name.length > LONGEST_TOPIC) yield { path, message: `the name of its topic would be too long; ${instead}` };
  }
}
