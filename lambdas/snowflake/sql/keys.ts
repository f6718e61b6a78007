/** The result of listed keys: each key's text as a scan makes it, and its parts. What they are is bound as one JSON text. */

/** `count`: columns of the key. The bind is an array of keys, each an array of as many texts. */
export function keysStatement(count: number): string {
  const parts = Array.from({ length: count }, (_, index) => part(index));
  const list = parts.join(', ');
  const taken = parts.map((name, index) => `"F"."VALUE"[${index}]::VARCHAR AS ${name}`).join(', ');
  return [
    `SELECT TO_JSON(ARRAY_CONSTRUCT(${list})) AS "K", ${list}`,
    `FROM (SELECT ${taken} FROM TABLE(FLATTEN(INPUT => PARSE_JSON(:1))) "F")`,
  ].join('\n');
}

/** The name of one column's text. */
export function part(index: number): string {
  return `"P${index}"`;
}
