/** The newest requests the broker has seen, to look at and to wait for. */
import { matches } from './request.ts';
import type { RequestMatch, SeenRequest } from './request.ts';

/** `code` is the first error answered, 0 for none, null while there is no answer. */
export type RequestEvent = SeenRequest & { sequence: number; code: number | null };
export type EventQuery = { after?: number; match?: RequestMatch; answered?: boolean; timeoutMs?: number };

const KEPT = 20_000;

export class Events {
  #events: RequestEvent[] = [];
  #sequence = 0;
  readonly #observers = new Set<(event: RequestEvent) => void>();

  get last(): number {
    return this.#sequence;
  }

  add(request: SeenRequest): RequestEvent {
    this.#sequence += 1;
    const event: RequestEvent = { ...request, sequence: this.#sequence, code: null };
    this.#events.push(event);
    if (this.#events.length > 2 * KEPT) this.#events = this.#events.slice(-KEPT);
    this.#changed(event);
    return event;
  }

  answered(event: RequestEvent, code: number): void {
    event.code = code;
    this.#changed(event);
  }

  /** The matching events after a sequence number; waits up to `timeoutMs` for the first. */
  async query(query: EventQuery): Promise<RequestEvent[]> {
    const found = this.#events.filter((event) => meets(query, event));
    const timeoutMs = query.timeoutMs ?? 0;
    if (found.length > 0 || timeoutMs <= 0) return found;
    return new Promise((resolve) => {
      const settle = (events: RequestEvent[]): void => {
        clearTimeout(timer);
        this.#observers.delete(observe);
        resolve(events);
      };
      const observe = (event: RequestEvent): void => {
        if (meets(query, event)) settle([event]);
      };
      const timer = setTimeout(() => settle([]), timeoutMs);
      this.#observers.add(observe);
    });
  }

  #changed(event: RequestEvent): void {
    for (const observe of [...this.#observers]) observe(event);
  }
}

function meets({ after = 0, match = {}, answered = false }: EventQuery, event: RequestEvent): boolean {
  return event.sequence > after && (!answered || event.code !== null) && matches(match, event);
}
