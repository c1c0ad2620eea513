/** What came back over a socket, read without mercy: every byte must belong to a well-formed HTTP/1.1 answer. */

export interface ParsedAnswer {
  status: number;
  headers: Headers;
  body: string;
}

export interface AnswerOptions {
  /** A HEAD request was among those sent: an answer may lack the body whose length it tells. */
  mayLackBodies: boolean;
}

/** @throws Error that says what is not well-formed */
export function parseAnswers(bytes: Buffer, { mayLackBodies }: AnswerOptions): ParsedAnswer[] {
  const answers: ParsedAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const { answer, length } = parseAnswer(rest, mayLackBodies);
    // Interim answers have no meaning of their own.
    if (answer.status >= 200) answers.push(answer);
    rest = rest.subarray(length);
  }
  return answers;
}

const statusLinePattern = /^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/;
const fieldPattern = /^([!#$%&'*+\-.^_`|~\w]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

function parseAnswer(bytes: Buffer, mayLackBodies: boolean): { answer: ParsedAnswer; length: number } {
  const headLength = bytes.indexOf('\r\n\r\n');
  if (headLength < 0) throw new Error(`no end of the headers: ${excerpt(bytes)}`);
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headLength).split('\r\n');
  const status = Number(statusLinePattern.exec(statusLine)?.[1]);
  if (Number.isNaN(status)) throw new Error(`no status line: ${excerpt(bytes)}`);
  const headers = new Headers(lines.map(parseField));
  const content = bytes.subarray(headLength + 4);
  const length = status < 200 || status === 204 ? 0 : contentLength(headers, content, mayLackBodies);
  return { answer: { status, headers, body: content.toString('utf8', 0, length) }, length: headLength + 4 + length };
}

function parseField(line: string): [string, string] {
  const [, name, value] = fieldPattern.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`no header field: ${JSON.stringify(line)}`);
  return [name, value.trimEnd()];
}

function contentLength(headers: Headers, content: Buffer, mayLackBodies: boolean): number {
  const text = headers.get('content-length') ?? '';
  if (!/^\d+$/.test(text)) throw new Error(`no Content-Length: "${text}"`);
  const length = Number(text);
  const isNext = content.length === 0 || content.subarray(0, 9).toString() === 'HTTP/1.1 ';
  if (mayLackBodies && isNext) return 0;
  if (content.length < length) throw new Error(`${content.length} of ${length} bytes of the body: ${excerpt(content)}`);
  return length;
}

function excerpt(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 200));
}
