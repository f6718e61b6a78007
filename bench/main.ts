/** `npm run bench`: see arguments.ts and README.md. Ends with 1 when a part could not be measured. */
import { readFileSync, writeFileSync } from 'node:fs';
import { readArguments, USAGE, type Arguments } from './arguments.ts';
import { Context, file } from './context.ts';
import { machine } from './machine.ts';
import { parts } from './parts.ts';
import { makeRoom } from './processes.ts';
import { section, withSections, type Results } from './report.ts';

function readOrExit(): Arguments {
  try {
    return readArguments(
      process.argv.slice(2),
      parts.map(({ name }) => name),
    );
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

/** The command to repeat it with: without what only concerns the output, nor where this machine keeps its files. */
function shown(given: string[]): string {
  const kept = given.filter((arg) => arg !== '--write' && arg !== '--json');
  return ['npm run bench --', ...kept.map((arg, at) => (kept[at - 1] === '--jdbc-source' ? 'PATH' : arg))].join(' ');
}

const args = readOrExit();
const chosen = args.only.length === 0 ? parts : parts.filter(({ name }) => args.only.includes(name));
const context = new Context(args, (text) => console.error(text));
const results: Results = {
  at: new Date().toISOString(),
  command: shown(process.argv.slice(2)),
  machine: machine(),
  broker: 'no broker',
  parts: {},
};
makeRoom();
// For the DynamoDB on this machine, which looks at neither.
process.env['AWS_ACCESS_KEY_ID'] ??= 'local';
process.env['AWS_SECRET_ACCESS_KEY'] ??= 'local';
try {
  for (const part of chosen) {
    context.say(`--- ${part.name}`);
    try {
      results.parts[part.name] = { lines: await part.run(context) };
    } catch (error) {
      context.say(error instanceof Error ? (error.stack ?? error.message) : String(error));
      results.parts[part.name] = { failed: error instanceof Error ? error.message.split('\n')[0]! : String(error) };
    }
    results.broker = await context.broker();
    if (!args.json) console.log(section(part, results));
  }
} finally {
  await context.close();
}
if (args.json) console.log(JSON.stringify(results, null, 2));
if (args.write) {
  const readme = file('README.md');
  writeFileSync(readme, withSections(readFileSync(readme, 'utf8'), parts, results));
}
if (Object.values(results.parts).some((result) => 'failed' in result)) process.exitCode = 1;
