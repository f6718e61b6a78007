/** Faults switched on over the control plane: which rule hits, and how often it still will. */
import type { FaultName, FaultRule, FaultState, SeenRequest } from './types.ts';
import { faultNames } from './types.ts';

type Rule = FaultState & { passed: number; whenRemoved: (() => void)[] };

export class Faults {
  readonly #rules = new Map<number, Rule>();
  #lastId = 0;

  /** Adds a rule; throws on an unknown fault or a broken expression. */
  add(rule: FaultRule): FaultState {
    if (!faultNames.includes(rule.fault)) throw new Error(`Unknown fault ${String(rule.fault)}`);
    for (const pattern of [rule.sql, rule.path]) if (pattern !== undefined) new RegExp(pattern, 'isu');
    const added: Rule = { ...rule, id: ++this.#lastId, hits: 0, passed: 0, whenRemoved: [] };
    this.#rules.set(added.id, added);
    return stateOf(added);
  }

  /** Removes one rule or all; statements held by it go on. */
  remove(id?: number): void {
    for (const rule of [...this.#rules.values()]) {
      if (id !== undefined && rule.id !== id) continue;
      this.#rules.delete(rule.id);
      for (const go of rule.whenRemoved) go();
    }
  }

  list(): FaultState[] {
    return [...this.#rules.values()].map(stateOf);
  }

  /**
   * The first rule among `names` that matches the request, used up by one hit and noted in `seen`. Rules without a
   * `path` apply where the caller asks for them; `sql` and `kind` only match requests that belong to a statement.
   */
  take(names: readonly FaultName[], seen: SeenRequest): FaultState | undefined {
    for (const rule of this.#rules.values()) {
      if (!names.includes(rule.fault) || !matches(rule, seen) || spent(rule)) continue;
      if (rule.passed < (rule.skip ?? 0)) {
        rule.passed++;
        continue;
      }
      rule.hits++;
      seen.faults.push(rule.fault);
      return stateOf(rule);
    }
    return undefined;
  }

  /** Resolves when the rule is gone. */
  async removed(id: number): Promise<void> {
    const rule = this.#rules.get(id);
    if (rule === undefined) return;
    await new Promise<void>((resolve) => rule.whenRemoved.push(resolve));
  }
}

function matches(rule: FaultRule, seen: SeenRequest): boolean {
  if (rule.sql !== undefined && !new RegExp(rule.sql, 'isu').test(seen.sql ?? '')) return false;
  if (rule.kind !== undefined && rule.kind.toUpperCase() !== seen.kind) return false;
  if (rule.path !== undefined && !new RegExp(rule.path, 'isu').test(seen.path)) return false;
  return rule.chunk === undefined || rule.chunk === seen.chunk;
}

function spent(rule: Rule): boolean {
  return rule.times !== null && rule.hits >= (rule.times ?? 1);
}

function stateOf(rule: Rule): FaultState {
  const { passed: _passed, whenRemoved: _whenRemoved, ...state } = rule;
  return state;
}
