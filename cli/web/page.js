// Draws what /events tells. What comes from there is set as text, never as markup.
import { count, duration, element, MAX_WINDOWS, plot, strip } from './charts.js';

const MAX_POINTS = 300;

/** Per source the points and, by number, the windows that were told so far. */
const seen = new Map();
/** What an element shows, as JSON: it is left alone, a selection in it too, until that changes. */
const shown = new WeakMap();

function show(id, data, draw) {
  const target = document.getElementById(id);
  const text = JSON.stringify(data);
  if (shown.get(target) === text) return;
  shown.set(target, text);
  target.replaceChildren(...[draw(data)].flat());
}

function remember({ name, head, points, windows }) {
  const known = seen.get(name) ?? { points: [], windows: new Map() };
  seen.set(name, known);
  const after = known.points.at(-1)?.at ?? 0;
  known.points = [...known.points, ...points.filter(({ at }) => at > after)].slice(-MAX_POINTS);
  for (const window of windows) known.windows.set(window.number, window);
  for (const [number, { slices }] of known.windows) {
    const surplus = known.windows.size > MAX_WINDOWS && slices.every(({ state }) => state === 'done');
    if (number > head || surplus) known.windows.delete(number);
  }
}

function drawSource(source) {
  const { name, object, topic, verdict, says, head, unfinished, health, objectiveMs, snapshot } = source;
  const { points, windows: byNumber } = seen.get(name);
  const windows = [...byNumber.values()].sort((a, b) => a.number - b.number);
  const facts = [`window ${count(head)}`, `${count(unfinished)} unfinished`];
  if (snapshot !== null) facts.push(`snapshot ${count(snapshot.published)} of ${count(snapshot.planned)} rows`);
  if (health !== null && health.historyLeftMs !== null) facts.push(`history for ${duration(health.historyLeftMs)}`);
  return element(
    'article',
    {},
    element(
      'h2',
      {},
      `${name} `,
      element('span', { class: verdict === 'needs-operator' ? 'verdict stopped' : 'verdict' }, says),
    ),
    element('p', { class: 'faint' }, `${object} → ${topic}; ${facts.join(', ')}`),
    element(
      'div',
      { class: 'plots' },
      plot('freshness', points, 'freshnessMs', duration, objectiveMs),
      plot('rows/s', points, 'rowsPerSecond', count, null),
    ),
    ...strip(source, windows),
  );
}

/** What stands between backticks is code. */
function withCode(text) {
  return text.split('`').map((part, i) => (i % 2 === 0 ? part : element('code', {}, part)));
}

function drawStuck({ source, partition, entry, stopped, message, at, causes, action, run }) {
  const where = partition === null ? source : `${source}, partition ${partition}`;
  const state = stopped ? 'needs an operator' : 'tried again by itself';
  return element(
    'article',
    stopped ? { class: 'needs-operator' } : {},
    element('h2', {}, `${where}: `, element('a', { href: `/runbook#${encodeURIComponent(entry)}` }, entry)),
    element('p', {}, message),
    element('small', {}, at === null ? state : `${state}; last met ${at.slice(0, 19).replace('T', ' ')} UTC`),
    causes === null ? null : element('p', {}, causes),
    action === null ? null : element('p', {}, element('strong', {}, 'What to do: '), ...withCode(action)),
    run.length === 0 ? null : element('pre', {}, run.join('\n')),
    element('small', {}, `docs/runbook.md, ${entry}`),
  );
}

function say(trouble) {
  const target = document.getElementById('trouble');
  target.hidden = trouble === null;
  target.textContent = trouble ?? '';
}

const events = new EventSource('/events');
events.addEventListener('open', () => say(null));
events.addEventListener('error', () => say('The command behind this page does not answer; what is below is old.'));
events.addEventListener('trouble', ({ data }) => {
  const { code, message, action } = JSON.parse(data);
  say(`${code}: ${message} ${action} What is below is old.`);
});
events.addEventListener('status', ({ data }) => {
  const { app, at, sources, stuck } = JSON.parse(data);
  sources.forEach(remember);
  const well = sources.filter(({ verdict }) => verdict === 'fine' || verdict === 'paused').length;
  const all = sources.length;
  const summary = well === all ? `${all} sources, all well` : `${all - well} of ${all} sources need a look`;
  say(null);
  show('app', app, (name) => name);
  show('summary', `${summary}; ${new Date(at).toLocaleTimeString()}`, (text) => text);
  show('stuck', stuck, (list) => list.map(drawStuck));
  show('sources', sources, (list) => list.map(drawSource));
});
