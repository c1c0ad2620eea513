/** Subjects: tokens with dots between them. In a pattern `*` stands for one token, and `>` at the end for one or more. */

export function isSubject(subject: string): boolean {
  return subject !== '' && subject.split('.').every((token) => /^[^\s]+$/.test(token));
}

/** Whether messages can be published to it: it has no wildcard. */
export function isLiteral(subject: string): boolean {
  return isSubject(subject) && subject.split('.').every((token) => token !== '*' && token !== '>');
}

export function matches(pattern: string, subject: string): boolean {
  if (pattern === subject) return true;
  const wanted = pattern.split('.');
  const tokens = subject.split('.');
  for (const [index, token] of wanted.entries()) {
    if (token === '>' && index === wanted.length - 1) return tokens.length > index;
    if (index >= tokens.length || (token !== '*' && token !== tokens[index])) return false;
  }
  return wanted.length === tokens.length;
}
