/** `npx snowmelt <command>`: one file a command. Exit codes: `EXIT` in common.ts. */
import { Command, CommanderError } from 'commander';
import { checkCommand } from './check.ts';
import { EXIT } from './common.ts';
import { deadlettersCommand } from './deadletters.ts';
import { initCommand } from './init.ts';
import { pauseCommand, resumeCommand } from './pause.ts';
import { previewCommand } from './preview.ts';
import { recoverCommand, voidCommand } from './recover.ts';
import { replayCommand } from './replay.ts';
import { statusCommand } from './status.ts';
import { verifyCommand } from './verify.ts';

const EXAMPLES = `
Examples:
  npx snowmelt init
  npx snowmelt check --env prod
  npx snowmelt status --env prod
  npx snowmelt status --local --watch
  npx snowmelt status --env prod --web
  npx snowmelt verify orders --env prod
  npx snowmelt pause orders --env prod --reason "table is rebuilt"
  npx snowmelt <command> --help

Where: --env prod is config/prod.yaml, as \`cdk deploy -c env=prod\` has it; --local is what \`npm start\` runs.
Exit codes: 0 done and fine; 1 something is wrong with what was looked at; 2 wrong usage; 3 it could not be done.`;

const program = new Command('npx snowmelt')
  .description('Looks after Snowmelt, from the first check to repair.')
  .addHelpText('after', EXAMPLES);
const commands = [
  initCommand,
  checkCommand,
  statusCommand,
  previewCommand,
  verifyCommand,
  deadlettersCommand,
  pauseCommand,
  resumeCommand,
  replayCommand,
  recoverCommand,
  voidCommand,
];
for (const make of commands) program.addCommand(make().exitOverride());

try {
  await program.exitOverride().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? EXIT.fine : EXIT.usage;
}
