import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Folder for results as JSON, one file a run; .ci/run adds them up. */
const results = process.env['TEST_RESULTS'];

// One project; a file's suffix tells its cost (docs/design.md, Layout). Apache Kafka joins through KAFKA_BROKERS.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/live/**', 'node_modules/**'],
    pool: 'forks',
    // Most tests wait for other processes: on two cores one worker would leave half of them idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    reporters: results === undefined ? ['default'] : ['default', 'json'],
    ...(results === undefined ? {} : { outputFile: { json: join(results, `${process.pid}.json`) } }),
  },
});
