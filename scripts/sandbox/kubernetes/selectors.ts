/** Label and field selectors as query parameters write them. */
import { badRequest, type ApiError } from './api-error.ts';
import type { KubernetesObject } from './objects.ts';

export type Predicate = (object: KubernetesObject) => boolean;

/** Selects everything: what an absent or empty selector means. */
export const everything: Predicate = () => true;

type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

const key = '((?:[a-zA-Z0-9.-]+/)?[a-zA-Z0-9](?:[-a-zA-Z0-9_.]*[a-zA-Z0-9])?)';
const value = '([a-zA-Z0-9](?:[-a-zA-Z0-9_.]*[a-zA-Z0-9])?|)';
const equality = new RegExp(`^${key}\\s*(==|=|!=)\\s*${value}$`);
const setBased = new RegExp(`^${key}\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const existence = new RegExp(`^(!?)\\s*${key}$`);

/** @throws ApiError 400 for a selector that does not parse */
export function parseLabelSelector(selector: string): Predicate {
  const requirements = splitOutsideParentheses(selector).map((part) => parseRequirement(part, selector));
  if (requirements.length === 0) return everything;
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return requirements.every((matches) => matches(labels));
  };
}

function splitOutsideParentheses(selector: string): string[] {
  if (selector.trim() === '') return [];
  return selector.split(/,(?![^(]*\))/).map((part) => part.trim());
}

function parseRequirement(part: string, selector: string): LabelTest {
  const equal = equality.exec(part);
  if (equal) {
    const [, name = '', operator, wanted = ''] = equal;
    return operator === '!=' ? (labels) => labels[name] !== wanted : (labels) => labels[name] === wanted;
  }
  const set = setBased.exec(part);
  if (set) {
    const [, name = '', operator, list = ''] = set;
    const values = new Set(list.split(',').map((each) => each.trim()));
    if (values.values().some((each) => /\s/.test(each))) throw unparsable(part, selector);
    const isIn: LabelTest = (labels) => labels[name] !== undefined && values.has(labels[name]);
    return operator === 'in' ? isIn : (labels) => !isIn(labels);
  }
  const exists = existence.exec(part);
  if (exists) {
    const [, not, name = ''] = exists;
    return not === '!' ? (labels) => labels[name] === undefined : (labels) => labels[name] !== undefined;
  }
  throw unparsable(part, selector);
}

function unparsable(part: string, selector: string): ApiError {
  return badRequest(`unable to parse requirement: found '${part}' in the selector "${selector}"`);
}

const fieldReaders: Record<string, (object: KubernetesObject) => unknown> = {
  'metadata.name': (object) => object.metadata.name,
  'metadata.namespace': (object) => object.metadata.namespace,
  'status.phase': (object) => (object as { status?: { phase?: string } }).status?.phase,
  'spec.nodeName': (object) => (object as { spec?: { nodeName?: string } }).spec?.nodeName,
  'involvedObject.kind': (object) => (object as { involvedObject?: { kind?: string } }).involvedObject?.kind,
  'involvedObject.name': (object) => (object as { involvedObject?: { name?: string } }).involvedObject?.name,
  'involvedObject.namespace': (object) =>
    (object as { involvedObject?: { namespace?: string } }).involvedObject?.namespace,
  'involvedObject.uid': (object) => (object as { involvedObject?: { uid?: string } }).involvedObject?.uid,
};

const supportedFields = '"metadata.name", "metadata.namespace"';

/** @throws ApiError 400 for a selector that does not parse or names a field that cannot be selected by */
export function parseFieldSelector(selector: string): Predicate {
  const tests = selector
    .split(',')
    .filter((part) => part !== '')
    .map((part): Predicate => {
      const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(part);
      if (!match) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
      const [, field = '', operator, wanted = ''] = match;
      const read = fieldReaders[field];
      if (!read) throw badRequest(`"${field}" is not a known field selector: only ${supportedFields}`);
      return (object) => ((read(object) ?? '') === wanted) === (operator !== '!=');
    });
  return tests.length === 0 ? everything : (object) => tests.every((test) => test(object));
}

export function both(first: Predicate, second: Predicate): Predicate {
  if (first === everything) return second;
  if (second === everything) return first;
  return (object) => first(object) && second(object);
}

interface SelectorObject {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

/** Whether labels match the selector that a Deployment or ReplicaSet carries. */
export function selectorMatches(selector: SelectorObject, labels: Readonly<Record<string, string>>): boolean {
  const equal = Object.entries(selector.matchLabels ?? {}).every(([name, wanted]) => labels[name] === wanted);
  return (
    equal &&
    (selector.matchExpressions ?? []).every(({ key: name, operator, values = [] }) => {
      const found = labels[name];
      if (operator === 'Exists') return found !== undefined;
      if (operator === 'DoesNotExist') return found === undefined;
      const included = found !== undefined && values.includes(found);
      return operator === 'In' ? included : !included;
    })
  );
}
