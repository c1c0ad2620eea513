/** Filters of lists: of the grammar of AIP-160, what containers have a use for. `OR` binds more tightly than `AND`. */
import type { Container } from './container.ts';
import { InvalidArgumentError } from './errors.ts';
import type { Violation } from './errors.ts';

/** What a filter looks at; the spec only where the filter speaks of it. */
type Filtered = Pick<Container, 'status' | 'reconciling' | 'spec'>;
type Predicate = (container: Filtered) => boolean;

export interface Filter {
  /** As it was sent. */
  text: string;
  matches: Predicate;
}

/** How many parentheses may stand within each other. The document bounds the length. */
export const maxFilterDepth = 20;

/** @throws InvalidArgumentError that says where the filter stops being one, and what may stand there */
export function parseFilter(text: string): Filter {
  return { text, matches: new FilterParser(text).parse() };
}

/** What is wrong with the parameter `filter`, which may be anything. */
export function findFilterViolations(filter: unknown): readonly Violation[] {
  if (typeof filter !== 'string') return [];
  try {
    parseFilter(filter);
    return [];
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error.violations;
    throw error;
  }
}

/** What containers can be told apart by. */
interface Field {
  read: (container: Filtered) => string | undefined;
  /** All that it can be; absent: any text. */
  values?: readonly string[];
  /** Whether it can be absent, and be asked for with `:*`. */
  isOptional?: true;
}

const fields = new Map<string, Field>([
  ['status', { read: ({ status }) => status, values: ['PENDING', 'RUNNING', 'FAILED', 'UNKNOWN', 'DELETED'] }],
  ['reconciling', { read: ({ reconciling }) => String(reconciling), values: ['true', 'false'] }],
  ['spec.metadata.name', { read: ({ spec }) => spec.metadata.name }],
  ['spec.image.reference', { read: ({ spec }) => spec.image.reference }],
]);
const labels = 'spec.metadata.labels';
const fieldNames = [...fields.keys(), `${labels}.KEY`, labels].join(', ');

function findField(name: string): Field | undefined {
  return name.startsWith(`${labels}.`) ? labelField(name.slice(labels.length + 1)) : fields.get(name);
}

function labelField(key: string): Field {
  const read: Field['read'] = ({ spec: { metadata } }) =>
    metadata.labels && Object.hasOwn(metadata.labels, key) ? metadata.labels[key] : undefined;
  return { read, isOptional: true };
}

function isPresent({ read }: Field): Predicate {
  return (container) => read(container) !== undefined;
}

const string = String.raw`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`;
const word = String.raw`[^\s."'\\()=!<>:,*]+`;
/** Words and strings with dots between them: what names a field, or is a value. No keyword is one. */
const operand = new RegExp(`(?!(?:AND|OR|NOT)(?:[\\s()]|$))(?:${word}|${string})(?:\\.(?:${word}|${string}))*`, 'sy');
const strings = new RegExp(string, 'gs');
const valueWords = 'a value without "*", in quotes where it has other characters than those of names';

/** By recursive descent: a method for each rule of the grammar. Each takes what it is about, and the space behind it. */
class FilterParser {
  readonly #text: string;
  #position = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Predicate {
    this.#take(/\s+/y);
    if (this.#position === this.#text.length) return () => true;
    const predicate = this.#expression();
    if (this.#position < this.#text.length) throw this.#expected('AND, OR or the end');
    return predicate;
  }

  #expression(): Predicate {
    const factors = this.#separated(/(?<=[\s)])AND(?=[\s(])/y, () => this.#factor());
    return (container) => factors.every((matches) => matches(container));
  }

  #factor(): Predicate {
    const terms = this.#separated(/(?<=[\s)])OR(?=[\s(])/y, () => this.#term());
    return (container) => terms.some((matches) => matches(container));
  }

  #separated(separator: RegExp, part: () => Predicate): [Predicate, ...Predicate[]] {
    const parts: [Predicate, ...Predicate[]] = [part()];
    while (this.#take(separator) !== undefined) parts.push(part());
    return parts;
  }

  #term(): Predicate {
    if (this.#take(/NOT(?=[\s(])|-(?!\s)/y) === undefined) return this.#simple();
    const matches = this.#simple();
    return (container) => !matches(container);
  }

  #simple(): Predicate {
    if (this.#depth === maxFilterDepth && this.#text[this.#position] === '(') {
      throw this.#expected(`no more than ${maxFilterDepth} parentheses within each other`);
    }
    if (this.#take(/\(/y) === undefined) return this.#restriction();
    this.#depth += 1;
    const predicate = this.#expression();
    this.#require(/\)/y, 'AND, OR or ")"');
    this.#depth -= 1;
    return predicate;
  }

  #restriction(): Predicate {
    const start = this.#position;
    const name = textOf(this.#take(operand));
    if (name === labels) {
      this.#require(/:/y, '":" and a key');
      return isPresent(labelField(this.#value('a key')));
    }
    const field = findField(name);
    if (!field) throw this.#expected(`one of ${fieldNames}`, start);
    const { read, values, isOptional } = field;
    const comparator = isOptional
      ? this.#require(/!=|=|:/y, '"=", "!=" or ":*"')
      : this.#require(/!=|=/y, '"=" or "!="');
    if (comparator === ':') {
      this.#require(/\*/y, '"*"');
      return isPresent(field);
    }
    const value = this.#value(values?.join(', ') ?? valueWords, values);
    return comparator === '=' ? (container) => read(container) === value : (container) => read(container) !== value;
  }

  /** @param values - all that are allowed; absent: all that stand for themselves */
  #value(what: string, values?: readonly string[]): string {
    const start = this.#position;
    const value = textOf(this.#require(operand, what));
    if (values ? !values.includes(value) : value.includes('*')) throw this.#expected(what, start);
    return value;
  }

  #require(pattern: RegExp, what: string): string {
    const taken = this.#take(pattern);
    if (taken === undefined) throw this.#expected(what);
    return taken;
  }

  /** What the pattern, which is sticky, finds here, if anything. */
  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#position;
    const taken = pattern.exec(this.#text)?.[0];
    if (taken === undefined) return undefined;
    this.#position += taken.length;
    while (/\s/.test(this.#text[this.#position] ?? '')) this.#position += 1;
    return taken;
  }

  #expected(what: string, position = this.#position): InvalidArgumentError {
    const [found] = /^\S{0,20}/.exec(this.#text.slice(position))!;
    const instead = found === '' ? 'the end' : JSON.stringify(found);
    const detail = `must have ${what} at character ${position + 1}, not ${instead}`;
    return new InvalidArgumentError(undefined, [{ detail, parameter: 'filter' }]);
  }
}

/** What an operand stands for: without the quotes around its strings. */
function textOf(taken = ''): string {
  return taken.replace(strings, (each) => each.slice(1, -1).replace(/\\(.)/gs, '$1'));
}
