/** What `init` has to know: by flags, else by asking, else what is usual. */
import { findProblems } from '../../lambdas/config/load.ts';
import { flagOf, listOf, QUESTIONS, type Answers, type Question, type Said } from './questions.ts';

/** Asks one thing; `usual` is what an empty answer means. */
export type Ask = (question: string, usual: string | undefined) => Promise<string>;

export type Outcome = { answers: Answers } | { missing: string[]; refused: string[] };

/** `ask`: null where nobody can be asked; then what is not usual must have been given, and all that is wrong is told at once. */
export async function gather(given: Said, ask: Ask | null, tell: (line: string) => void): Promise<Outcome> {
  const said: Said = {};
  const missing: string[] = [];
  const refused: string[] = [];
  for (const question of QUESTIONS) {
    const { name } = question;
    // An empty flag says nothing.
    const stated = given[name] || undefined;
    if (stated === undefined && question.when?.(said) === false) continue;
    const usual = question.usual(said);
    if (stated !== undefined) {
      said[name] = stated;
      const why = question.refuse?.(stated) ?? null;
      if (why !== null) refused.push(`${flagOf(question)}: ${why}`);
    } else if (ask !== null) said[name] = await insist(question, usual, ask, tell);
    else if (usual !== undefined) said[name] = usual;
    else missing.push(flagOf(question));
  }
  if (missing.length + refused.length > 0) return { missing, refused };
  return { answers: Object.fromEntries(QUESTIONS.map(({ name }) => [name, said[name] ?? ''])) as Answers };
}

async function insist(
  question: Question,
  usual: string | undefined,
  ask: Ask,
  tell: (line: string) => void,
): Promise<string> {
  const choices = question.choices === undefined ? '' : ` (${question.choices.join(', ')})`;
  for (;;) {
    const answer = (await ask(question.text + choices, usual)).trim() || (usual ?? '');
    const why = whyNot(question, answer, usual);
    if (why === null) return answer;
    tell(why);
  }
}

function whyNot(question: Question, answer: string, usual: string | undefined): string | null {
  if (answer === '') return usual === undefined ? 'This has to be said.' : null;
  if (question.choices?.includes(answer) === false) return `It must be one of ${question.choices.join(', ')}.`;
  return question.refuse?.(answer) ?? refusedAt(question, answer);
}

/** What the configuration would say of it. */
function refusedAt({ path, list }: Question, answer: string): string | null {
  if (path === undefined) return null;
  const value = path.reduceRight<unknown>((inner, part) => ({ [part]: inner }), list ? listOf(answer) : answer);
  const problem = findProblems(JSON.stringify(value)).find(({ path: at }) => path.every((part, i) => at[i] === part));
  return problem?.message ?? null;
}
