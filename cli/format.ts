/** Numbers, spans of time and lines for a terminal. */

/** In the unit that leaves two or three digits. */
export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3_600)} h` : `${Math.round(seconds / 86_400)} d`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function several(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Errors may hold anything. */
export function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').trimEnd();
}

export function fit(line: string, width: number): string {
  const clean = oneLine(line);
  return clean.length <= width ? clean : `${clean.slice(0, width - 3)}...`;
}
