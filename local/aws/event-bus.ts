/** EventBridge: takes events, matches them with the rules of the template, hands them to functions and topics. */
import { randomUUID } from 'node:crypto';
import { matchesPattern } from './patterns.ts';
import type { Deployment, RuleSpec } from './template/resources.ts';

type Entry = { Source?: string; DetailType?: string; Detail?: string; EventBusName?: string };
type EntryResult = { EventId: string } | { ErrorCode: string; ErrorMessage: string };

/** EventBridge's limit for one PutEvents. */
const MAX_ENTRIES = 10;

export class EventBus {
  readonly #deployment: Deployment;
  readonly #deliver: (arn: string, event: unknown) => void;

  constructor(deployment: Deployment, deliver: (arn: string, event: unknown) => void) {
    this.#deployment = deployment;
    this.#deliver = deliver;
  }

  /** @throws Error for a request that EventBridge would refuse as a whole. */
  putEvents(input: { Entries?: Entry[] }): { FailedEntryCount: number; Entries: EntryResult[] } {
    const entries = input.Entries ?? [];
    if (entries.length < 1 || entries.length > MAX_ENTRIES) throw new Error(`${entries.length} entries`);
    const results = entries.map((entry) => this.#put(entry));
    return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
  }

  #put(entry: Entry): EntryResult {
    const bus = (entry.EventBusName ?? 'default').split('/').at(-1)!;
    if (!this.#deployment.buses.includes(bus)) {
      return { ErrorCode: 'InvalidArgument', ErrorMessage: `no event bus ${bus}` };
    }
    const detail = parseDetail(entry.Detail);
    if (entry.Source === undefined || entry.DetailType === undefined || detail === undefined) {
      return { ErrorCode: 'MalformedDetail', ErrorMessage: 'Source, DetailType and Detail (an object) are needed' };
    }
    const id = randomUUID();
    const event = {
      version: '0',
      id,
      'detail-type': entry.DetailType,
      source: entry.Source,
      account: this.#deployment.account,
      time: new Date().toISOString(),
      region: this.#deployment.region,
      resources: [],
      detail,
    };
    for (const rule of this.#deployment.rules) {
      if (rule.bus !== bus || !matchesPattern(rule.pattern, event)) continue;
      for (const target of rule.targets) this.#deliver(target.arn, atPath(event, target));
    }
    return { EventId: id };
  }
}

function parseDetail(text: string | undefined): object | undefined {
  try {
    const detail: unknown = JSON.parse(text ?? '');
    return typeof detail === 'object' && detail !== null ? detail : undefined;
  } catch {
    return undefined;
  }
}

/** InputPath, `$.detail` and the like: fields only. */
function atPath(event: object, target: RuleSpec['targets'][number]): unknown {
  if (target.path === null) return event;
  const fields = target.path.split('.').slice(1);
  return fields.reduce<unknown>((value, field) => (value as Record<string, unknown> | undefined)?.[field], event);
}
