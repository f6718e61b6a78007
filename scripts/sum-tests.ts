/**
 * Adds up the JSON results that runs of vitest left in a folder and prints one line.
 *
 *   node scripts/sum-tests.ts <folder>
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is needed of vitest's JSON report. */
export type Report = {
  testResults: { status: string; assertionResults: { status: string }[] }[];
};

/** `N passed, N failed`, and `, N skipped` if any. A file that failed without running a test is one failure. */
export function summary(reports: readonly Report[]): string {
  const files = reports.flatMap((report) => report.testResults);
  const tests = files.flatMap((file) => file.assertionResults.map(({ status }) => status));
  const passed = tests.filter((status) => status === 'passed').length;
  const broken = files.filter((file) => file.status === 'failed' && !hasFailure(file)).length;
  const failed = tests.filter((status) => status === 'failed').length + broken;
  const skipped = tests.length - passed - (failed - broken);
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function hasFailure(file: Report['testResults'][number]): boolean {
  return file.assertionResults.some(({ status }) => status === 'failed');
}

if (import.meta.main) {
  const folder = process.argv[2]!;
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  console.log(summary(files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as Report)));
}
