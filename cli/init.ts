/** `init`: from a few answers to all that a first deployment needs: configuration, SQL, topics, policies, and what a month costs. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { readConfigFile } from '../lambdas/config/load.ts';
import { SnowmeltError } from '../lambdas/errors.ts';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import type { Listing } from '../lambdas/operate/tables.ts';
import { answering, configOf, type Answer, type Common } from './common.ts';
import { gather, type Ask } from './init/answers.ts';
import { writeFiles } from './init/files.ts';
import { drawUp, type Wishes } from './init/plan.ts';
import { prompt } from './init/prompt.ts';
import { flagOf, QUESTIONS, type Answers } from './init/questions.ts';
import {
  choose,
  fileText,
  nameOf,
  parseWanted,
  schemaName,
  unknown,
  type Chosen,
  type Schema,
  type Wanted,
} from './init/tables.ts';
import { tellPlan } from './init/tell.ts';

type Options = Partial<Omit<Answers, 'from'>> &
  Wishes &
  Pick<Common, 'local' | 'json'> & { from?: string[]; tables?: string; ask?: string; force?: boolean; yes?: boolean };

const EXAMPLES = `
Examples:
  npx snowmelt init
  npx snowmelt init --env prod --account myorg-myaccount --brokers b-1.example.com:9096 \\
    --aws-account 123456789012 --from 'SALES.PUBLIC.ORDERS(ORDER_ID), SALES.PUBLIC.CUSTOMERS(CUSTOMER_ID)'
  npx snowmelt init --env web --ask config/prod.yaml --from 'WEB.PUBLIC.*'

What is not said is asked for on a terminal, else it is what is usual. Nothing is overwritten without --force.`;

export function initCommand(): Command {
  const command = new Command('init').description(
    'writes configuration, setup of Snowflake, topics, policies and the cost of a month, from a few answers',
  );
  for (const question of QUESTIONS) {
    const value = question.name === 'from' ? '<tables...>' : question.list ? '<list>' : '<text>';
    const option = new Option(`${question.name === 'env' ? '-e, ' : ''}${flagOf(question)} ${value}`, question.text);
    command.addOption(question.choices === undefined ? option : option.choices(question.choices));
  }
  return command
    .option('--tables <file>', 'tables as --from has them, one a line')
    .addOption(
      new Option('--ask <file>', 'a deployment that tells tables and keys: its configuration').conflicts('local'),
    )
    .option('--local', 'the stack that `npm start` runs tells them')
    .option('--plaintext', 'the brokers know no TLS')
    .option('--make-topics', 'the stack makes the topics, in the MSK cluster')
    .addOption(new Option('--public-key <file>', 'of the user in Snowflake, in PEM').conflicts('generateKey'))
    .option('--generate-key', 'make the key pair, the private one in a file that nobody else may read')
    .option('--credits <number>', 'credits a month at which the warehouse is suspended; else twice what is expected')
    .option('--out <folder>', 'where the files go', 'config')
    .option('--force', 'overwrite files that are there')
    .option('-y, --yes', 'ask nothing: what is not said is what is usual')
    .option('--json', 'print the answer as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (options: Options) => {
      const ask = process.stdin.isTTY && options.yes !== true && options.json !== true ? prompt() : null;
      try {
        const said = await gather({ ...options, from: tablesOf(options) }, ask?.question ?? null, tell);
        if ('missing' in said) command.error(usageError(said));
        else await answering(options, () => init(options, said.answers, ask?.question ?? null));
      } catch (error) {
        if (!(error instanceof SnowmeltError)) throw error;
        await answering(options, () => Promise.reject(error));
      } finally {
        ask?.close();
      }
    });
}

function usageError({ missing, refused }: { missing: string[]; refused: string[] }): string {
  const needed = missing.length === 0 ? [] : [`nobody can be asked, so say ${missing.join(', ')}`];
  return `error: ${[...refused, ...needed].join('\n       ')}`;
}

async function init(options: Options, answers: Answers, ask: Ask | null): Promise<Answer> {
  const wanted = parseWanted(answers.from);
  const listed = await listingOf(options, wanted);
  const chosen = await withKeys(choose(wanted, listed), wanted, ask);
  const out = options.out;
  const plan = drawUp(answers, chosen, { ...options, schema: existsSync(join(out, 'schema.json')) });
  writeFiles(plan.files, options.force === true);
  return tellPlan(plan);
}

/** Of the command line and of the file, as one text. @throws CONFIG_INVALID where the file can't be read */
function tablesOf({ from = [], tables }: Options): string {
  return [...from, ...(tables === undefined ? [] : [fileText(readConfigFile(tables))])].join(', ');
}

/** What a deployment says of schemas, where there is one to ask. @throws CONFIG_INVALID where there has to be one */
async function listingOf({ ask, local }: Options, wanted: Wanted): Promise<Map<Schema, Listing>> {
  const listed = new Map<Schema, Listing>();
  if (ask === undefined && local !== true) {
    const [schema] = wanted.schemas;
    if (schema === undefined) return listed;
    throw new SnowmeltError(
      'CONFIG_INVALID',
      `Which tables ${schemaName(schema)}.* has must be asked of a deployment (--ask <its configuration>, --local); or name them: --from 'DB.SCHEMA.TABLE(KEY)', --tables <file>.`,
    );
  }
  const config = configOf(local === true ? { local } : { config: ask! });
  for (const schema of unknown(wanted))
    listed.set(schema, (await invokeOperate(config, { command: 'tables', ...schema })) as Listing);
  return listed;
}

/** Keys that nobody knows are asked for; without one a table of a whole schema is left out, one that was named is refused. */
async function withKeys(chosen: readonly Chosen[], wanted: Wanted, ask: Ask | null): Promise<Chosen[]> {
  const named = new Set(wanted.tables.map(nameOf));
  const all: Chosen[] = [];
  for (const table of chosen) {
    if (table.key.length > 0 || ask === null) {
      all.push(table);
      continue;
    }
    const name = nameOf(table);
    const answer = await ask(`columns that identify a row of ${name}, with commas; to leave it out: empty`, '');
    all.push(answer.trim() === '' ? table : parseWanted(`${name}(${answer})`).tables[0]!);
  }
  const keyless = all.filter((table) => table.key.length === 0 && named.has(nameOf(table))).map(nameOf);
  if (keyless.length === 0) return all;
  throw new SnowmeltError('CONFIG_INVALID', `What identifies a row of ${keyless.join(', ')}? Write TABLE(KEY, ...).`);
}

function tell(line: string): void {
  console.error(line);
}
