/** docs/runbook.md as a page, so that what is stuck can point into it. Of Markdown only what that file has. */
const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** The inside of `main`. A heading's anchor is its text. */
export function runbookHtml(markdown: string): string {
  return markdown
    .replaceAll(/<!--.*?-->/gs, '')
    .split(/\n{2,}/)
    .map((block) => block.trim())
    .filter((block) => block !== '')
    .map(blockHtml)
    .join('\n');
}

function blockHtml(block: string): string {
  const heading = /^(#{1,3}) (.*)$/.exec(block);
  if (heading !== null) {
    const [, marks, text] = heading;
    return `<h${marks!.length} id="${escaped(text!)}">${escaped(text!)}</h${marks!.length}>`;
  }
  const code = /^```\n(.*)\n```$/s.exec(block);
  return code === null ? `<p>${inline(block)}</p>` : `<pre>${escaped(code[1]!)}</pre>`;
}

function inline(text: string): string {
  return escaped(text)
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>')
    .replaceAll(/^_([^_]+)_/g, '<em>$1</em>')
    .replaceAll(/\[([^\]]+)\]\(#[^)]+\)/g, '<a href="#$1">$1</a>')
    .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1');
}

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character]!);
}
