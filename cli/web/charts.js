// Elements, plots and strips. A strip has a row for each partition and a cell for each window.
export const MAX_WINDOWS = 64;
const MIN_SLOTS = 32;
const MAX_STRIPS = 32;
const WORDS = { done: 'done', 'in-progress': 'in progress', waiting: 'waiting', held: 'held' };
const SVG = new Set(['svg', 'path']);

/** Children that are strings become text. */
export function element(tag, attributes, ...children) {
  const made = SVG.has(tag) ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

export const count = (value) => Math.round(value).toLocaleString('en-US');

export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

export function plot(title, points, of, format, limit) {
  const values = points.flatMap((point) => (point[of] === null ? [] : [[point.at, point[of]]]));
  if (values.length === 0) return element('figure', {}, element('figcaption', { class: 'faint' }, `${title}: not yet`));
  const from = values[0][0];
  const span = Math.max(1, values.at(-1)[0] - from);
  const most = Math.max(...values.map(([, value]) => value));
  const top = most > 0 ? most * 1.1 : 1;
  const y = (value) => (60 - (58 * value) / top).toFixed(1);
  const line = values.map(([at, value]) => `${((300 * (at - from)) / span).toFixed(1)} ${y(value)}`).join('L');
  const now = `${title} ${format(values.at(-1)[1])}`;
  const said = `, at most ${format(most)} in ${duration(span)}`;
  return element(
    'figure',
    {},
    element('figcaption', {}, element('strong', {}, now), element('small', {}, said)),
    element(
      'svg',
      { viewBox: '0 0 300 60', preserveAspectRatio: 'none', role: 'img', 'aria-label': now + said },
      element('path', { d: `M${line}` }),
      limit === null || limit > top ? null : element('path', { class: 'limit', d: `M0 ${y(limit)}H300` }),
    ),
  );
}

/** The cells' outlines by class; told apart by shape as well as by colour. */
function cells(partition, windows) {
  const paths = { track: '', done: '', 'in-progress': '', waiting: '', held: '' };
  windows.forEach(({ slices }, index) => {
    const slice = slices.find((one) => one.partition === partition);
    if (slice === undefined) return;
    const box = (y, height) => `M${index + 0.1} ${y}h.8v${height}h-.8z`;
    if (slice.state === 'done') paths.done += box(0, 10);
    if (slice.state === 'waiting') paths.waiting += box(7, 3);
    if (slice.state === 'held') paths.held += box(0, 3) + box(7, 3);
    if (slice.state !== 'in-progress') return;
    const height = Math.max(1.5, (10 * slice.done) / slice.rows);
    paths.track += box(0, 10);
    paths['in-progress'] += box(10 - height, height);
  });
  return Object.entries(paths).map(([name, d]) => element('path', { class: name, d }));
}

function tally(slices) {
  const sums = Object.keys(WORDS).map((state) => [state, slices.filter((slice) => slice.state === state).length]);
  return sums.filter(([, sum]) => sum > 0);
}

export function strip({ name, partitions }, windows) {
  if (partitions.length === 0 || windows.length === 0) return [];
  // Of many partitions those that have most left to do.
  const many = partitions.length > MAX_STRIPS;
  const some = many ? [...partitions].sort((a, b) => b.waiting - a.waiting).slice(0, MAX_STRIPS) : partitions;
  const slots = Math.max(MIN_SLOTS, windows.length);
  const rows = some.flatMap(({ partition, state, waiting, rowsPerSecond }) => {
    const own = tally(windows.flatMap(({ slices }) => slices.filter((slice) => slice.partition === partition)));
    const label = `${name}, partition ${partition}: ${own.map(([of, sum]) => `${sum} ${WORDS[of]}`).join(', ')}`;
    const rate = rowsPerSecond === null ? '' : `, ${count(rowsPerSecond)}/s`;
    return [
      element('span', state === 'active' ? {} : { class: 'stopped' }, `${partition}`),
      element(
        'svg',
        { viewBox: `0 0 ${slots} 10`, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
        ...cells(partition, windows),
      ),
      element('span', { class: 'number' }, `${count(waiting)} left${rate}`),
    ];
  });
  const legend = tally(windows.flatMap(({ slices }) => slices)).map(([state, sum]) => {
    const key = element('svg', { viewBox: '0 0 1 10', preserveAspectRatio: 'none' });
    key.append(...cells(0, [{ slices: [{ partition: 0, state, rows: 2, done: 1 }] }]));
    return element('span', {}, key, `${WORDS[state]} ${count(sum)}`);
  });
  const title = `windows ${windows[0].number} to ${windows.at(-1).number}`;
  const rest = many ? `, the ${MAX_STRIPS} of ${partitions.length} partitions with most left` : '';
  return [
    element('div', { class: 'legend' }, element('strong', {}, title + rest), ...legend),
    element('div', { class: 'strip' }, ...rows),
  ];
}
