/** Texts that are planted where secrets and rows are, and the search for them in whatever form they may come out again. */
import { randomUUID } from 'node:crypto';

/** Long enough not to be there by chance; with characters that every encoding writes in its own way. */
export function mark(label: string): string {
  return `planted ${label} "${randomUUID()}" é/+=&?`;
}

/** The marks that a text holds, and in which form: `<label of the mark>: base64`. */
export function findMarks(text: string, marks: Record<string, string>): string[] {
  return Object.entries(marks).flatMap(([name, planted]) =>
    Object.entries(formsOf(planted))
      .filter(([, forms]) => forms.some((form) => text.includes(form)))
      .map(([form]) => `${name}: ${form}`),
  );
}

function formsOf(planted: string): Record<string, string[]> {
  const json = JSON.stringify(planted).slice(1, -1);
  const base64 = [0, 1, 2].map((shift) => base64Within(planted, shift));
  return {
    plain: [planted],
    json: [json, JSON.stringify(json).slice(1, -1), JSON.stringify(JSON.stringify(json)).slice(1, -1)],
    url: [encodeURIComponent(planted), encodeURI(planted), new URLSearchParams({ _: planted }).toString().slice(2)],
    base64: [...base64, ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))],
    hex: [Buffer.from(planted).toString('hex')],
  };
}

/** Base64 of any text that has this one after `shift` bytes (modulo 3): the characters that its neighbours have no part in. */
function base64Within(planted: string, shift: number): string {
  const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(planted)]);
  const whole = bytes.subarray(0, bytes.length - (bytes.length % 3));
  return whole.toString('base64').slice([0, 2, 3][shift]);
}
