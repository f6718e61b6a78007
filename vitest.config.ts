import { defineConfig } from 'vitest/config';

// One project; a file's suffix tells its cost (docs/design.md, Layout). Apache Kafka joins through KAFKA_BROKERS.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/live/**', 'node_modules/**'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
