/** What the template allows the role of a function: as much of IAM as it uses, the rest is refused. */
import type { Template } from '../template/assembly.ts';
import { nameOf, resolveValue, type Scope } from '../template/intrinsics.ts';

/** Each action on each resource; both may have `*` and `?` in them. */
export type Statement = { actions: string[]; resources: string[] };
export type RoleSpec = { name: string; statements: Statement[] };

type Written = { Effect: string; Action?: string | string[]; Resource?: unknown; [other: string]: unknown };
type Document = { Statement: Written[] };

const KNOWN = new Set(['Sid', 'Effect', 'Action', 'Resource']);

/** @throws Error that names what is not understood. */
export function roleOf(id: string, scope: Scope): RoleSpec {
  const role = scope.template.Resources[id];
  if (role?.Type !== 'AWS::IAM::Role') throw new Error(`${id} is no role of the template`);
  const inline = (role.Properties?.['Policies'] ?? []) as { PolicyDocument: Document }[];
  if (role.Properties?.['ManagedPolicyArns'] !== undefined)
    throw new Error(`${id}: policies of AWS are not known here`);
  const documents = [...inline.map(({ PolicyDocument }) => PolicyDocument), ...attached(id, scope.template)];
  return {
    name: nameOf(id, role, scope),
    statements: documents.flatMap(({ Statement }) => Statement.map((statement) => read(statement, id, scope))),
  };
}

/** Policies that stand apart and name the role. */
function attached(role: string, template: Template): Document[] {
  return Object.values(template.Resources).flatMap(({ Type, Properties }) => {
    if (Type !== 'AWS::IAM::Policy' && Type !== 'AWS::IAM::ManagedPolicy') return [];
    const roles = (Properties?.['Roles'] ?? []) as { Ref?: string }[];
    return roles.some(({ Ref }) => Ref === role) ? [Properties!['PolicyDocument'] as Document] : [];
  });
}

function read(statement: Written, role: string, scope: Scope): Statement {
  const unknown = Object.keys(statement).find((key) => !KNOWN.has(key));
  if (unknown !== undefined || statement.Effect !== 'Allow')
    throw new Error(`${role}: ${unknown ?? statement.Effect} of a policy is not evaluated here`);
  const resources = [resolveValue(statement.Resource, scope)].flat() as string[];
  return { actions: [statement.Action ?? []].flat(), resources };
}

export function allows(statements: readonly Statement[], action: string, resource: string): boolean {
  return statements.some(
    ({ actions, resources }) =>
      // The names of actions don't mind case, those of resources do.
      actions.some((pattern) => matches(pattern.toLowerCase(), action.toLowerCase())) &&
      resources.some((pattern) => matches(pattern, resource)),
  );
}

function matches(pattern: string, text: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(text);
}
