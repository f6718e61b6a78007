/** DynamoDB's condition and update expressions, as far as lambdas/checkpoints uses them; any other throws. */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';

export type Item = Record<string, AttributeValue>;
export type Names = Record<string, string>;
type Bindings = { ExpressionAttributeNames?: Names; ExpressionAttributeValues?: Item };
type Condition = (item: Item, bindings: Bindings) => boolean;

const conditions = new Map<string, Condition>();

export function evaluate(text: string, item: Item, bindings: Bindings): boolean {
  let condition = conditions.get(text);
  if (condition === undefined) conditions.set(text, (condition = parse(text)));
  return condition(item, bindings);
}

/** or := and (OR and)*; and := term (AND term)*; term := ( or ) | function(#name) | #name operator :value */
function parse(text: string): Condition {
  const tokens = text.match(/attribute_\w+|AND|OR|[#:]\w+|<=|>=|<>|[=<>()]/g) ?? [];
  let at = 0;
  const expect = (token: string) => {
    if (tokens[at++] !== token) throw new Error(`${text}: ${token} expected`);
  };
  const joined = (word: string, next: () => Condition, all: boolean): Condition => {
    const parts = [next()];
    for (; tokens[at] === word; parts.push(next())) at++;
    return (item, bindings) => (all ? parts.every((p) => p(item, bindings)) : parts.some((p) => p(item, bindings)));
  };
  const or = (): Condition => joined('OR', and, false);
  const and = (): Condition => joined('AND', term, true);
  const term = (): Condition => {
    const token = tokens[at++]!;
    if (token === '(') {
      const inner = or();
      expect(')');
      return inner;
    }
    if (token === 'attribute_exists' || token === 'attribute_not_exists') {
      expect('(');
      const name = tokens[at++]!;
      expect(')');
      return (item, bindings) => (attribute(item, name, bindings) !== undefined) === (token === 'attribute_exists');
    }
    const [operator, value] = [tokens[at++]!, tokens[at++]!];
    return (item, bindings) => {
      const left = attribute(item, token, bindings);
      return (
        left !== undefined && compare(valueOf(left)!, operator, valueOf(bindings.ExpressionAttributeValues![value])!)
      );
    };
  };
  const whole = or();
  if (at !== tokens.length) throw new Error(`${text}: ${tokens[at]} not expected`);
  return whole;
}

/** `SET a = v, b = b + v REMOVE c, d` on a copy. */
export function update(text: string, item: Item, bindings: Bindings): Item {
  const next = { ...item };
  const [, sets = '', removes = ''] = /^(?:SET (.*?))? ?(?:REMOVE (.*))?$/.exec(text) ?? [];
  for (const set of sets.split(', ').filter(Boolean)) {
    const [target, source] = set.split(' = ') as [string, string];
    const [first, plus] = source.split(' + ') as [string, string | undefined];
    const values = bindings.ExpressionAttributeValues!;
    const value = first.startsWith(':') ? values[first]! : attribute(item, first, bindings)!;
    next[nameOf(target, bindings)] =
      plus === undefined ? value : { N: String(BigInt(value.N!) + BigInt(values[plus]!.N!)) };
  }
  for (const remove of removes.split(', ').filter(Boolean)) delete next[nameOf(remove, bindings)];
  return next;
}

function nameOf(placeholder: string, { ExpressionAttributeNames }: Bindings): string {
  const name = ExpressionAttributeNames?.[placeholder];
  if (name === undefined) throw new Error(`${placeholder} has no name`);
  return name;
}

function attribute(item: Item, placeholder: string, bindings: Bindings): AttributeValue | undefined {
  return item[nameOf(placeholder, bindings)];
}

export function valueOf(value: AttributeValue | undefined): string | bigint | boolean | undefined {
  if (value?.N !== undefined) return BigInt(value.N);
  return value?.S ?? value?.BOOL;
}

function compare(a: string | bigint | boolean, operator: string, b: string | bigint | boolean): boolean {
  if (operator === '=') return a === b;
  if (operator === '<>') return a !== b;
  if (operator === '<') return a < b;
  if (operator === '<=') return a <= b;
  if (operator === '>') return a > b;
  return a >= b;
}
