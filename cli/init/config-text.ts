/** The configuration as `init` writes it: what was answered, and nothing that is a default anyway. */
import { formatIdentifier } from '../../lambdas/config/identifiers.ts';
import { listOf, type Answers } from './questions.ts';
import { nameOf, type Chosen } from './tables.ts';

export type NewSource = { name: string } & ({ table: Chosen } | { preset: string });

const WIDTH = 120;

/** `schema`: whether the file of all settings lies beside it, for editors. */
export function configText(
  answers: Answers,
  sources: readonly NewSource[],
  options: { schema: boolean; makeTopics: boolean; plaintext: boolean },
): string {
  const { app, account, user, role, warehouse, staging, auth, secret, brokers, kafkaAuth, kafkaSecret, every } =
    answers;
  return [
    ...(options.schema ? ['# yaml-language-server: $schema=./schema.json'] : []),
    '# Written by `npx snowmelt init`. Every setting and its default: docs/configuration.md',
    '',
    `app: ${scalar(app)}`,
    '',
    'snowflake:',
    `  account: ${scalar(account)}`,
    `  user: ${scalar(user)}`,
    `  role: ${scalar(role)}`,
    `  warehouse: ${scalar(warehouse)}`,
    ...(staging === '' ? [] : [`  staging: ${scalar(staging)}`]),
    `  auth: ${signIn(auth, secret)}`,
    '',
    'kafka:',
    ...list('  ', 'brokers', listOf(brokers)),
    ...(options.plaintext ? ['  tls: false'] : []),
    ...(kafkaAuth === 'none' && kafkaSecret === '' ? [] : [`  auth: ${signIn(kafkaAuth, kafkaSecret)}`]),
    '',
    ...awsLines(answers, options.makeTopics),
    'defaults:',
    `  every: ${scalar(every)}`,
    '',
    'sources:',
    ...sources.flatMap((source) => sourceLines(source, answers)),
    '',
  ].join('\n');
}

function signIn(method: string, secret: string): string {
  return secret === '' ? `{ method: ${scalar(method)} }` : `{ method: ${scalar(method)}, secret: ${scalar(secret)} }`;
}

function awsLines({ subnets, securityGroups, cluster }: Answers, makeTopics: boolean): string[] {
  const lines = [
    ...(subnets === '' && securityGroups === ''
      ? []
      : [
          '  vpc:',
          ...list('    ', 'subnets', listOf(subnets)),
          ...list('    ', 'securityGroups', listOf(securityGroups)),
        ]),
    ...(cluster === '' ? [] : [`  cluster: ${scalar(cluster)}`]),
    ...(makeTopics ? ['  topics: { replication: 3, minInsync: 2 }'] : []),
  ];
  return lines.length === 0 ? [] : ['aws:', ...lines, ''];
}

function sourceLines(source: NewSource, { app, topicPartitions }: Answers): string[] {
  const what =
    'preset' in source
      ? [`    preset: ${scalar(source.preset)}`]
      : [`    table: ${scalar(nameOf(source.table))}`, ...list('    ', 'key', source.table.key.map(formatIdentifier))];
  const topic = `    topic: { name: ${scalar(topicOf(app, source))}, partitions: ${topicPartitions} }`;
  return [`  ${scalar(source.name)}:`, ...what, topic];
}

export function topicOf(app: string, { name }: Pick<NewSource, 'name'>): string {
  return `${app}.${name}`;
}

/** In one line, if it fits. */
function list(indent: string, key: string, items: readonly string[]): string[] {
  const line = `${indent}${key}: [${items.map(scalar).join(', ')}]`;
  if (line.length <= WIDTH) return [line];
  return [`${indent}${key}:`, ...items.map((item) => `${indent}  - ${scalar(item)}`)];
}

const WORDS = new Set(['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n']);

/** A text that YAML reads as that very text, whatever is in it. */
export function scalar(text: string): string {
  if (/^[1-9][0-9]*(?:ms|[smhd])$/.test(text)) return text;
  if (/^[A-Za-z][A-Za-z0-9_./:-]*$/.test(text) && !text.endsWith(':') && !WORDS.has(text.toLowerCase())) return text;
  if (/\p{C}|\p{Zl}|\p{Zp}/u.test(text)) return JSON.stringify(text);
  return text.includes("'") && !/["\\]/.test(text) ? `"${text}"` : `'${text.replaceAll("'", "''")}'`;
}
