/** cdk-nag's rules, and what is acknowledged: in the one helper that makes the thing, never by a logical id. */
import { Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import type { IConstruct } from 'constructs';

const VERBOSE = { verbose: true };

/** Findings fail the synthesis and stand in cdk.out/validation-report.json. */
export function addRules(app: IConstruct): void {
  Validations.of(app).addPlugins(new AwsSolutionsChecks(undefined, VERBOSE), new ServerlessChecks(undefined, VERBOSE));
}

export function acknowledge(construct: IConstruct, reason: string, ...ids: string[]): void {
  Validations.of(construct).acknowledge(...ids.map((id) => ({ id, reason })));
}
