/**
 * Snowflake identifiers by Snowflake's own rule: unquoted ones are stored in upper case, `"quoted"` ones as they are, with
 * `""` for a quote inside. The results are names as Snowflake stores them.
 */

const PART = /^(?:([A-Za-z_][A-Za-z0-9_$]*)|"((?:[^"]|"")+)")/;

export const MAX_IDENTIFIER = 255;

/** One identifier, or null. */
export function parseIdentifier(text: string): string | null {
  const parts = parseQualified(text);
  return parts?.length === 1 ? parts[0]! : null;
}

/** The parts of `a.b."c"`, or null when the text is not identifiers joined by dots. */
export function parseQualified(text: string): string[] | null {
  const parts: string[] = [];
  let rest = text;
  for (;;) {
    const match = PART.exec(rest);
    if (match === null) return null;
    const name = match[1]?.toUpperCase() ?? match[2]!.replaceAll('""', '"');
    if (name.length > MAX_IDENTIFIER) return null;
    parts.push(name);
    rest = rest.slice(match[0].length);
    if (rest === '') return parts;
    if (!rest.startsWith('.')) return null;
    rest = rest.slice(1);
  }
}

/** Words that Snowflake takes for names only in quotes, at least in some places. */
const RESERVED = new Set(
  (
    'ACCOUNT ALL ALTER AND ANY AS BETWEEN BY CASE CAST CHECK COLUMN CONNECT CONNECTION CONSTRAINT CREATE CROSS CURRENT ' +
    'CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER DATABASE DELETE DISTINCT DROP ELSE EXISTS FALSE FOLLOWING FOR ' +
    'FROM FULL GRANT GROUP GSCLUSTER HAVING ILIKE IN INCREMENT INNER INSERT INTERSECT INTO IS ISSUE JOIN LATERAL LEFT LIKE ' +
    'LOCALTIME LOCALTIMESTAMP MINUS NATURAL NOT NULL OF ON OR ORDER ORGANIZATION QUALIFY REGEXP REVOKE RIGHT RLIKE ROW ROWS ' +
    'SAMPLE SCHEMA SELECT SET SOME START TABLE TABLESAMPLE THEN TO TRIGGER TRUE TRY_CAST UNION UNIQUE UPDATE USING VALUES ' +
    'VIEW WHEN WHENEVER WHERE WITH'
  ).split(' '),
);

/** A name as Snowflake stores it, for a statement or a configuration: parsed it is the same again. */
export function formatIdentifier(name: string): string {
  return /^[A-Z_][A-Z0-9_$]*$/.test(name) && !RESERVED.has(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

export function formatQualified(...names: string[]): string {
  return names.map(formatIdentifier).join('.');
}
