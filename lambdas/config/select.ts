/**
 * Whether a text is one SELECT that may stand in parentheses within another statement: quotes, comments and parentheses end
 * inside it, and nothing ends the statement. What it selects is Snowflake's to judge.
 */

/** Literals, quoted names, comments and dollar-quoted text by Snowflake's rules; in '...' a backslash escapes. */
const TOKEN =
  /'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"]|"")*"|\$\$[\s\S]*?\$\$|--[^\n\r]*|\/\/[^\n\r]*|\/\*[\s\S]*?\*\/|[A-Za-z_][A-Za-z0-9_$]*|[\s\S]/g;

/** What is wrong with it, or null. */
export function selectProblem(text: string): string | null {
  let depth = 0;
  let first: string | null = null;
  for (const [token] of text.matchAll(TOKEN)) {
    if (/^(?:--|\/\/|\/\*.)/s.test(token) || token.trim() === '') continue;
    first ??= token.toUpperCase();
    // Whatever opens one of these and is a token of its own has no end.
    if (token === "'" || token === '"') return `has a ${token} that is not closed`;
    if (token === ';') return 'must be one statement, without `;`';
    if (token === '?') return 'has a `?`; there is nothing to bind to it';
    if (token === '(') depth++;
    if (token === ')' && --depth < 0) return 'closes a parenthesis that it does not open';
  }
  if (/\/\*(?![\s\S]*\*\/)/.test(withoutTokens(text))) return 'has a comment that is not closed';
  if (/\$\$/.test(withoutTokens(text))) return 'has a `$$` that is not closed';
  if (depth > 0) return 'opens a parenthesis that it does not close';
  return first === 'SELECT' || first === 'WITH' ? null : 'must begin with SELECT or WITH';
}

/** The text without all that is whole: literals, names, comments. */
function withoutTokens(text: string): string {
  return text.replaceAll(TOKEN, (token) => (token.length > 1 ? ' ' : token));
}
