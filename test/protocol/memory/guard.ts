/** A port whose every method is known to the harness: one that is not listed fails, so that a new call can't be forgotten. */
import type { Wire } from './wire.ts';

/** `request` methods ask for something over the wire; `plain` ones only compute. */
export type Methods<Port> = {
  [Name in keyof Port]-?: Port[Name] extends (...args: never[]) => unknown ? 'request' | 'plain' : 'plain';
};

/** What was asked for that no list has; a protocol that swallows the error does not hide it. */
export const unknownMethods = new Set<string>();

export function guard<Port extends object>(wire: Wire, port: Port, name: string, methods: Methods<Port>): Port {
  return new Proxy(port, {
    get(target, property) {
      if (typeof property === 'symbol' || property === 'then') return Reflect.get(target, property) as unknown;
      const use = (methods as Record<string, string | undefined>)[property];
      if (use === undefined) {
        unknownMethods.add(`${name}.${property}`);
        throw new Error(`the harness does not know ${name}.${property}`);
      }
      const value = Reflect.get(target, property) as unknown;
      if (typeof value !== 'function') return value;
      const method = value as (...args: unknown[]) => unknown;
      if (use === 'plain') return (...args: unknown[]) => method.apply(target, args);
      return (...args: unknown[]) => wire.within(property, () => method.apply(target, args));
    },
  });
}
