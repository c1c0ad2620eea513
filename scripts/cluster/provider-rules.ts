/** What the provider may do in its namespace: the rules of its Role, which the chart repeats. */
import type { PolicyRule } from './control-plane.ts';

export const providerRules: readonly PolicyRule[] = [
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['create', 'delete', 'list', 'patch', 'watch'] },
  { apiGroups: [''], resources: ['services'], verbs: ['create', 'delete', 'list', 'patch', 'watch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] },
];

/** What it takes to read logs, which the Role has only where they are turned on. */
export const logRule: PolicyRule = { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] };

export function isAllowed(rules: readonly PolicyRule[], verb: string, resource: string): boolean {
  return rules.some(({ resources, verbs }) => resources.includes(resource) && verbs.includes(verb));
}

/** The rules but for some verbs on some resources. */
export function rulesWithout(taken: readonly { verb: string; resource: string }[]): PolicyRule[] {
  const isTaken = (resources: string[], verb: string): boolean =>
    taken.some((permission) => permission.verb === verb && resources.includes(permission.resource));
  return providerRules
    .map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => !isTaken(rule.resources, verb)) }))
    .filter(({ verbs }) => verbs.length > 0);
}
