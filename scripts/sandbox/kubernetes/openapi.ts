/**
 * The little of the server's OpenAPI description that kubectl reads before it sends an object: that patches of each kind
 * take `fieldValidation` and `dryRun`, and so that the server checks the fields.
 */
import { allResources, apiVersionOf, type Resource } from './resources.ts';

const groupVersions = new Map(
  allResources.map((resource) => [
    `${resource.group === '' ? 'api' : 'apis'}/${apiVersionOf(resource)}`,
    apiVersionOf(resource),
  ]),
);

/** @returns nothing for a path that is not part of the description */
export function openApiDocument(path: string): unknown {
  if (path === '/openapi/v3') {
    const links = [...groupVersions.keys()].map((key) => [key, { serverRelativeURL: `/openapi/v3/${key}` }] as const);
    return { paths: Object.fromEntries(links) };
  }
  const version = groupVersions.get(path.replace(/^\/openapi\/v3\//, ''));
  if (version === undefined) return undefined;
  const resources = allResources.filter((resource) => apiVersionOf(resource) === version);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'sandbox' },
    paths: Object.fromEntries(
      resources.map((resource) => [pathOf(resource, path), { patch: describePatch(resource) }]),
    ),
  };
}

function pathOf({ plural, namespaced }: Resource, documentPath: string): string {
  const root = documentPath.replace(/^\/openapi\/v3/, '');
  return `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}/{name}`;
}

function describePatch({ group, version, kind }: Resource): unknown {
  const parameter = (name: string): unknown => ({ name, in: 'query', schema: { type: 'string' } });
  return {
    parameters: [parameter('dryRun'), parameter('fieldValidation')],
    responses: { 200: { description: 'OK' } },
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
}
