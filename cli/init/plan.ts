/** Everything that `init` writes, made of the answers. Nothing here reaches outside but for a public key that is named. */
import { join } from 'node:path';
import { creditsOf, monthly, tellCost, USUAL, type Line } from '../../infra/cost.ts';
import { kafkaAcls } from '../../infra/kafka-acls.ts';
import { rolePolicies, type Place } from '../../infra/policies.ts';
import { topicsOf, type Topic } from '../../infra/topic-list.ts';
import { parseQualified } from '../../lambdas/config/identifiers.ts';
import { findProblems, loadForStack } from '../../lambdas/config/load.ts';
import { formatPath, type Path } from '../../lambdas/config/problems.ts';
import type { ResolvedConfig } from '../../lambdas/config/resolved.ts';
import { SnowmeltError } from '../../lambdas/errors.ts';
import { bootstrap, makeTopic } from '../../lambdas/operate/check/kafka-fixes.ts';
import { configText, type NewSource } from './config-text.ts';
import type { NewFile } from './files.ts';
import { generateKey, readPublicKey } from './key-pair.ts';
import { flagOf, listOf, placeIn, QUESTIONS, type Answers } from './questions.ts';
import { setupSql } from './setup-sql.ts';
import { nameOf, sourceNames, type Chosen } from './tables.ts';

/** What is asked for by flags alone. */
export type Wishes = {
  out: string;
  makeTopics?: boolean;
  plaintext?: boolean;
  publicKey?: string;
  generateKey?: boolean;
  credits?: string;
};

export type Plan = {
  env: string;
  out: string;
  config: ResolvedConfig;
  files: NewFile[];
  topics: Topic[];
  makesTopics: boolean;
  /** A month of it. */
  cost: Line[];
  /** Tables whose key nobody knows. */
  leftOut: string[];
  /** The file with the key pair, where it was made here. */
  keyFile: string | null;
  /** Whether the setup has the public key. */
  keyKnown: boolean;
};

/** @throws CONFIG_INVALID where the answers make no valid configuration */
export function drawUp(answers: Answers, chosen: readonly Chosen[], wishes: Wishes & { schema: boolean }): Plan {
  const { env, auth, staging } = answers;
  const { out, schema: hasSchema, makeTopics = false, plaintext = false } = wishes;
  const fileOf = (kind: string) => join(out, `${env}.${kind}`);
  const leftOut = chosen.filter(({ key }) => key.length === 0).map(nameOf);
  const text = configText(answers, sourcesOf(answers, chosen), { schema: hasSchema, makeTopics, plaintext });
  mustBeValid(text);
  const { config, infrastructure } = loadForStack(text, { path: fileOf('yaml') });
  const { vpc } = infrastructure;
  const cost = monthly(config, vpc !== undefined, vpc?.endpoints !== undefined, USUAL);
  const place = placeOf(answers);
  const key = keyOf(auth, wishes);
  const [database, schema] = parseQualified(staging) ?? [];
  const sql = setupSql(config, {
    aws: place,
    publicKey: key?.publicKey ?? null,
    credits: creditsFor(wishes.credits, cost),
    staging: database === undefined || schema === undefined ? null : { database, schema },
  });
  const topics = topicsOf(config);
  const keyFile = key?.secret === undefined ? null : fileOf('snowflake.key.json');
  const files: NewFile[] = [
    { path: fileOf('yaml'), text },
    { path: fileOf('snowflake.sql'), text: sql },
    { path: fileOf('kafka.sh'), text: kafkaCommands(config, topics, makeTopics) },
    { path: fileOf('iam.json'), text: `${JSON.stringify(rolePolicies(config, infrastructure, place), null, 2)}\n` },
    { path: fileOf('cost.txt'), text: `${tellCost(config, infrastructure, USUAL).join('\n')}\n` },
    ...(keyFile === null ? [] : [{ path: keyFile, text: key!.secret!, secret: true as const }]),
  ];
  const keyKnown = key !== null;
  return { env, out, config, files, topics, makesTopics: makeTopics, cost, leftOut, keyFile, keyKnown };
}

function sourcesOf({ preset }: Answers, chosen: readonly Chosen[]): NewSource[] {
  const presets = listOf(preset);
  const tables = chosen.filter(({ key }) => key.length > 0);
  if (tables.length + presets.length === 0) {
    const why = chosen.length === 0 ? 'There is no table' : `No key is known of ${chosen.map(nameOf).join(', ')}`;
    throw new SnowmeltError('CONFIG_INVALID', `${why}: name tables with their keys, --from 'DB.SCHEMA.TABLE(KEY)'.`);
  }
  // The control topic is called so.
  const names = sourceNames(tables, ['control', ...presets]);
  return [
    ...tables.map((table, i) => ({ name: names[i]!, table })),
    ...presets.map((name) => ({ name, preset: name })),
  ];
}

function mustBeValid(text: string): void {
  const problems = findProblems(text).map(({ path, message }) => `  ${saidBy(path)}: ${message}`);
  if (problems.length > 0)
    throw new SnowmeltError('CONFIG_INVALID', `That makes no valid configuration:\n${problems.join('\n')}`);
}

/** The flag that a setting comes from. */
function saidBy(path: Path): string {
  const question = QUESTIONS.find((each) => each.path?.every((part, i) => path[i] === part));
  return question === undefined ? formatPath(path) : flagOf(question);
}

function placeOf({ cluster, region, awsAccount }: Answers): Place {
  const usual = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
  return {
    partition: placeIn(cluster).partition ?? usual,
    region: region || '<region>',
    account: awsAccount || '<account>',
  };
}

function keyOf(auth: string, wishes: Wishes): { publicKey: string; secret?: string } | null {
  const { publicKey, generateKey: generate } = wishes;
  if (publicKey === undefined && generate !== true) return null;
  if (auth !== 'key-pair')
    throw new SnowmeltError('CONFIG_INVALID', 'A key is for --auth key-pair; with workload-identity there is none.');
  return publicKey === undefined ? generateKey() : { publicKey: readPublicKey(publicKey) };
}

/** What is expected is an estimate: twice as much is no surprise yet. */
function creditsFor(given: string | undefined, cost: readonly Line[]): number {
  if (given === undefined) return Math.max(1, Math.ceil(2 * creditsOf(cost)));
  if (/^[1-9][0-9]{0,6}$/.test(given)) return Number(given);
  throw new SnowmeltError('CONFIG_INVALID', '--credits: must be a whole number of credits a month, 1 or more');
}

function kafkaCommands(config: ResolvedConfig, topics: readonly Topic[], makesTopics: boolean): string {
  const { kafka } = config;
  const acls = ['none', 'iam'].includes(kafka.auth.method) ? [] : kafkaAcls(config, 'User:snowmelt');
  return [
    '#!/bin/sh',
    "# With Kafka's own tools, as who may; add --command-config where they have to sign in.",
    ...(makesTopics
      ? [
          '# The stack makes these topics:',
          ...topics.map(({ name, partitions }) => `#   ${name}, ${partitions} partitions`),
        ]
      : topics.map(({ name, partitions }) => makeTopic(kafka, name, partitions))),
    ...(acls.length === 0
      ? []
      : ['# Rights: put the user that the functions sign in as in the place of User:snowmelt.']),
    ...acls.map((acl) => `kafka-acls.sh ${bootstrap(kafka)} ${acl}`),
    '',
  ].join('\n');
}
