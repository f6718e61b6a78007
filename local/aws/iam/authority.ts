/**
 * Who calls, and whether the policies of the template allow it. Each function signs with an access key of its own; whoever
 * signs with another one is a person who may do anything.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { AwsCall } from '../interceptors.ts';
import type { FunctionSpec, Place } from '../template/resources.ts';
import { needsOf } from './needs.ts';
import { allows } from './policies.ts';

export class Authority {
  /** Actions that each function was allowed, by its name. */
  readonly seen = new Map<string, Set<string>>();
  readonly #functions: Map<string, FunctionSpec>;
  readonly #place: Place;

  constructor(functions: readonly FunctionSpec[], place: Place) {
    this.#functions = new Map(functions.map((spec) => [accessKeyOf(spec), spec]));
    this.#place = place;
  }

  /** What the policies of each function allow. */
  allowed(): Map<string, Set<string>> {
    return new Map(
      [...this.#functions.values()].map(({ name, role }) => [
        name,
        new Set(role.statements.flatMap(({ actions }) => actions)),
      ]),
    );
  }

  /** null, or why the call is refused, as AWS says it. */
  refusal(request: IncomingMessage, call: Pick<AwsCall, 'service' | 'operation' | 'input'>): string | null {
    const spec = this.#functions.get(signer(request));
    if (spec === undefined) return null;
    for (const { action, resource } of needsOf(call, this.#place)) {
      if (!allows(spec.role.statements, action, resource)) {
        const user = `arn:aws:sts::${this.#place.account}:assumed-role/${spec.role.name}/${spec.name}`;
        return `User: ${user} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`;
      }
      const seen = this.seen.get(spec.name) ?? new Set();
      this.seen.set(spec.name, seen.add(action));
    }
    return null;
  }
}

/** Letters and digits alone: DynamoDB Local takes no other. */
export function accessKeyOf({ name }: Pick<FunctionSpec, 'name'>): string {
  return `ASIA${createHash('sha256').update(name).digest('hex').slice(0, 16).toUpperCase()}`;
}

function signer({ headers }: IncomingMessage): string {
  return /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';
}
