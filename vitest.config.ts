import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folder for results as JSON, one file a run; .ci/run adds them up. */
const results = process.env['TEST_RESULTS'];

/** The longest: begun last, one would run alone. Without a cache vitest goes by the size of files. */
const LONGEST = ['test/e2e/run.local', 'test/protocol/crash-points', 'test/faults/many.long', 'test/cli/runbook.long'];

/** `npm run test:long`: what has no room in the five minutes of `npm test`. A suite is in one of the two. */
const long = process.env['LONG'] !== undefined;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLongest = ({ moduleId }: TestSpecification) => LONGEST.some((name) => moduleId.endsWith(`${name}.test.ts`));
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}

/**
 * KAFKA_CLIENT=second: what lambdas/kafka takes of kafkajs comes from test/kafka/second-client instead, so that the suites
 * of the port show what another client can do.
 */
const secondClient = {
  name: 'second-kafka-client',
  enforce: 'pre' as const,
  resolveId(source: string, importer: string | undefined) {
    const replaced = /^\.\/((?:link|requests|produce)\.ts)$/.exec(source);
    if (replaced === null || importer?.includes('/lambdas/kafka/') !== true) return null;
    return join(import.meta.dirname, 'test', 'kafka', 'second-client', replaced[1]!);
  },
};

// One project; a file's suffix tells its cost (docs/design.md, Layout). Apache Kafka joins through KAFKA_BROKERS.
export default defineConfig({
  plugins: process.env['KAFKA_CLIENT'] === 'second' ? [secondClient] : [],
  test: {
    include: [long ? 'test/**/*.long.test.ts' : 'test/**/*.test.ts'],
    exclude: ['test/live/**', 'node_modules/**', ...(long ? [] : ['test/**/*.long.test.ts'])],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // Most tests wait for other processes: on two cores one worker would leave half of them idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: long ? 120_000 : 30_000,
    hookTimeout: long ? 120_000 : 60_000,
    reporters: results === undefined ? ['default'] : ['default', 'json'],
    ...(results === undefined ? {} : { outputFile: { json: join(results, `${process.pid}.json`) } }),
  },
});
