import { PROBLEMS, problemType } from '../http/problems.js';
import { ERROR_CODES } from '../service-error.js';

export interface ProblemPage {
  readonly title: string;
  /** Paragraphs in Markdown, with no other elements than code and strong words. */
  readonly paragraphs: readonly string[];
}

/** The explanation of each code in docs/problems.md, by the path of its type. @throws Error if one is missing */
export function problemPages(markdown: string): ReadonlyMap<string, ProblemPage> {
  const sections = new Map(
    markdown.split(/^### /m).map((section) => {
      const end = section.indexOf('\n');
      return [section.slice(0, end), section.slice(end)] as const;
    }),
  );
  return new Map(
    ERROR_CODES.map((code) => {
      const { status, title } = PROBLEMS[code];
      const text = sections.get(`\`${code}\` ${status}`);
      if (text === undefined) throw new Error(`docs/problems.md does not explain ${code} ${status}`);
      return [problemType(code), { title: `${code} (${status} ${title})`, paragraphs: paragraphsOf(text) }];
    }),
  );
}

export function asMarkdown({ title, paragraphs }: ProblemPage): string {
  return `# ${title}\n\n${paragraphs.join('\n\n')}\n`;
}

export function asHtml({ title, paragraphs }: ProblemPage): string {
  const body = paragraphs.map((text) => `<p>${marked(escaped(text))}</p>\n`);
  const head = `<meta charset="utf-8">\n<title>${escaped(title)}</title>`;
  return `<!doctype html>\n<html lang="en">\n${head}\n<h1>${escaped(title)}</h1>\n${body.join('')}</html>\n`;
}

/** Links lead to files of the repository, which are not served: their names remain. */
function paragraphsOf(text: string): string[] {
  const withoutLinks = text.replaceAll(/\[([^\]]+)\]\(([^)#]+)[^)]*\)/g, (_link, words: string, file: string) =>
    words === file ? `docs/${file}` : `${words} (docs/${file})`,
  );
  return withoutLinks
    .split(/\n{2,}/)
    .map((paragraph) => paragraph.trim().replaceAll('\n', ' '))
    .filter((paragraph) => paragraph !== '');
}

function marked(text: string): string {
  return text.replaceAll(/`([^`]+)`/g, '<code>$1</code>').replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
