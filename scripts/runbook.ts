/** docs/runbook.md, out of what the alarms and the errors say of themselves, and what neither tells: written by `npm run schema`. */
import { ENTRIES, type Entry } from '../infra/observability/entries.ts';
import { commandFor, ERRORS, EXAMPLE, RESUME, type ErrorFacts } from '../lambdas/errors.ts';
import { INCIDENTS, type Incident } from './runbook-incidents.ts';

const HEAD = `<!-- written by npm run schema, from infra/observability/entries.ts, lambdas/errors.ts and scripts/runbook-incidents.ts -->

# Runbook

What to do when an alarm rings, for each error code that a log line, an alarm or a command names, and for what neither tells by itself. The commands are for environment \`prod\`, its app \`shop\` and its source \`orders\`: put yours in their place. How alarms and logs work: [operations.md](operations.md).

Nothing is lost while a source stands still, as long as Time Travel lasts (\`HistoryHeadroom\`), and nothing is sent twice whatever is run below.
`;

const ERRORS_HEAD = `## Errors

_Needs an operator_: the partition, or the planning of the source, has stopped; the commands, in this order and once the cause is mended, let it go on. The others are tried again by the next tick. One of these that a partition has met three times without getting further stops it, too, but for those of a connection: \`${commandFor(RESUME, EXAMPLE)}\` lets it go on.
`;

export function runbook(): string {
  return [
    HEAD,
    '## Alarms\n',
    ...Object.entries<Entry>(ENTRIES).map(alarm),
    ERRORS_HEAD,
    ...Object.entries<ErrorFacts>(ERRORS).map(error),
    '## What no code tells\n',
    ...INCIDENTS.map(incident),
  ].join('\n');
}

function alarm([id, { urgency, says, todo }]: [string, Entry]): string {
  return `### ${id}\n\n_${urgency === 'page' ? 'Page' : 'Ticket'}._ ${says}\n\n${todo}\n`;
}

function error([code, facts]: [string, ErrorFacts]): string {
  const { causes, action } = facts;
  const next = facts.retry === 'operator' ? 'Needs an operator.' : 'Tried again by the next tick.';
  const run = facts.retry === 'operator' ? block(facts.run) : '';
  return `### ${code}\n\n_${next}_ ${causes}\n\n${action}\n${run}`;
}

function incident({ title, shows, says, steps }: Incident): string {
  const links = shows.map((id) => `[${id}](#${id.toLowerCase()})`).join(', ');
  const as = links === '' ? '' : ` Shows as ${links}.`;
  const done = steps.map(({ todo, run }) => `${todo}\n${run === undefined ? '' : block(run)}`);
  return [`### ${title}\n`, `${says}${as}\n`, ...done].join('\n');
}

function block(run: readonly string[]): string {
  return `\n\`\`\`\n${run.map((command) => commandFor(command, EXAMPLE)).join('\n')}\n\`\`\`\n`;
}
