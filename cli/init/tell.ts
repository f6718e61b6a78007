/** What `init` answers: what was written, what it left out, and what comes next. */
import { creditsOf, total } from '../../infra/cost.ts';
import type { Answer } from '../common.ts';
import { OPENSSL } from './key-pair.ts';
import type { Plan } from './plan.ts';

export function tellPlan(plan: Plan): Answer {
  const { files, leftOut, topics, cost, config } = plan;
  const [dollars, credits] = [total(cost), creditsOf(cost)];
  const next = stepsOf(plan);
  const sources = config.sources.length;
  const text = [
    `Written: ${files.map(({ path }) => path).join(', ')}`,
    `${sources} ${sources === 1 ? 'source' : 'sources'}, ${topics.length} topics, some $ ${dollars.toFixed(0)} a month with ${credits.toFixed(0)} credits of Snowflake`,
    ...leftOut.map((table) => `Left out, nothing tells its key: ${table}`),
    'Next:',
    ...next.map((step, i) => `  ${i + 1}. ${step}`),
  ].join('\n');
  const json = {
    files: files.map(({ path }) => path),
    sources: config.sources,
    topics: topics.map(({ name, partitions }) => ({ name, partitions })),
    leftOut,
    month: { dollars, credits, parts: cost },
    next,
  };
  return { text, json, found: leftOut.length > 0 };
}

function stepsOf({ env, out, config, files, keyFile, keyKnown, makesTopics }: Plan): string[] {
  const file = (kind: string) => files.find(({ path }) => path.endsWith(`.${kind}`))!.path;
  const { auth } = config.snowflake;
  const where = out === 'config' ? `--env ${env}` : `--config ${file('yaml')}`;
  return [
    ...('secret' in auth && !keyKnown
      ? [`make a key pair, its public half is for the next step: ${OPENSSL.join('; ')}`]
      : []),
    `in Snowflake, as ACCOUNTADMIN: ${file('snowflake.sql')}`,
    ...('secret' in auth ? [secretStep(auth.secret, keyFile ?? 'snowflake.json', '{"privateKey": "<PEM>"}')] : []),
    ...(keyFile === null ? [] : [`delete ${keyFile}`]),
    ...kafkaSteps(config),
    ...(makesTopics && config.kafka.auth.method === 'iam' ? [] : [`in Kafka: sh ${file('kafka.sh')}`]),
    `npx snowmelt check --offline ${where}; who decides on rights in AWS reads ${file('iam.json')}`,
    ...(out === 'config' ? [] : [`cp ${file('yaml')} config/${env}.yaml`]),
    `npx cdk deploy -c env=${env}`,
    `npx snowmelt check --env ${env}`,
  ];
}

function kafkaSteps({ kafka }: Plan['config']): string[] {
  if (!('secret' in kafka.auth)) return [];
  const { method, secret } = kafka.auth;
  const holds =
    method === 'mtls' ? '{"certificate": "<PEM>", "key": "<PEM>"}' : '{"username": "...", "password": "..."}';
  return [secretStep(secret, 'kafka.json', holds)];
}

/** The file is what the secret is to hold. */
function secretStep(name: string, file: string, holds: string): string {
  return `aws secretsmanager create-secret --name ${name} --secret-string file://${file} (${holds})`;
}
