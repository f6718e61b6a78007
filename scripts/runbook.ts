/** docs/runbook.md, out of what the alarms and the errors say of themselves: written by `npm run schema`. */
import { ENTRIES, type Entry } from '../infra/observability/entries.ts';
import { commandFor, ERRORS, EXAMPLE, type ErrorFacts } from '../lambdas/errors.ts';

const HEAD = `<!-- written by npm run schema, from infra/observability/entries.ts and lambdas/errors.ts -->

# Runbook

What to do when an alarm rings, and for each error code that a log line, an alarm or a command names. The commands are for environment \`prod\` and its source \`orders\`: put yours in their place. How alarms and logs work: [operations.md](operations.md).

Nothing is lost while a source stands still, as long as Time Travel lasts (\`HistoryHeadroom\`), and nothing is sent twice whatever is run below.
`;

export function runbook(): string {
  return [
    HEAD,
    '## Alarms\n',
    ...Object.entries<Entry>(ENTRIES).map(alarm),
    '## Errors\n',
    '_Needs an operator_: the partition, or the planning of the source, has stopped; the commands, in this order and once the cause is mended, let it go on. The others are tried again by the next tick.\n',
    ...Object.entries<ErrorFacts>(ERRORS).map(error),
  ].join('\n');
}

function alarm([id, { urgency, says, todo }]: [string, Entry]): string {
  return `### ${id}\n\n_${urgency === 'page' ? 'Page' : 'Ticket'}._ ${says}\n\n${todo}\n`;
}

function error([code, facts]: [string, ErrorFacts]): string {
  const { causes, action } = facts;
  const next = facts.retry === 'operator' ? 'Needs an operator.' : 'Tried again by the next tick.';
  const run =
    facts.retry === 'operator'
      ? `\n\`\`\`\n${facts.run.map((command) => commandFor(command, EXAMPLE)).join('\n')}\n\`\`\`\n`
      : '';
  return `### ${code}\n\n_${next}_ ${causes}\n\n${action}\n${run}`;
}
