/** `preview`: what the next window would publish. Runs one scan in the warehouse; nothing is published or noted. */
import type { Command } from 'commander';
import { invokeOperate } from '../lambdas/aws/invoke.ts';
import type { Preview, PreviewRecord } from '../lambdas/operate/preview.ts';
import { answering, caller, configOf, deploymentCommand, sourceNamed, type Answer, type Common } from './common.ts';
import { count } from './format.ts';

type Options = Common & { showValues?: boolean };

export function previewCommand(): Command {
  const text = 'what the next window would publish, publishing nothing: one scan in the warehouse';
  return deploymentCommand('preview', text)
    .argument('<source>')
    .option('--show-values', 'show keys and values of the first records, not only a part of the hash of their keys')
    .action((source: string, options: Options) => answering(options, () => preview(source, options)));
}

async function preview(source: string, options: Options): Promise<Answer> {
  const config = configOf(options);
  await sourceNamed(config, source);
  const { showValues = false } = options;
  const event = { command: 'preview', source, showValues, who: await caller(config), reason: '' };
  const found = (await invokeOperate(config, event)) as Preview;
  return { text: tellPreview(found), json: found };
}

export function tellPreview(found: Preview): string {
  const { operations, rows, looked, bytes, first } = found;
  const counts = Object.entries(operations).filter(([, number]) => number > 0);
  const records = counts.reduce((sum, [, number]) => sum + number, 0);
  return [
    `${found.source} to ${found.topic}, changes after ${found.from} up to ${found.to}`,
    `${count(records)} records, ${count(bytes)} bytes of keys and values as JSON, from ${count(rows)} rows`,
    ...(looked < rows ? [`Only ${count(looked)} of the rows were looked at.`] : []),
    ...(counts.length > 0 ? [counts.map(([name, number]) => `${count(number)} ${name}`).join(', ')] : []),
    ...first.map(lineOf),
    'Nothing was published.',
  ].join('\n');
}

function lineOf({ op, id, key, value }: PreviewRecord): string {
  return `  ${op.padEnd(9)}  ${key === undefined ? id : `${key}  ${String(value)}`}`;
}
