/** From the path of a request to what it is about. */
import { findResource, type Resource } from './resources.ts';

export interface ResourcePath {
  resource: Resource;
  /** Empty where the path names none. */
  namespace: string;
  /** Empty where the path is that of the collection. */
  name: string;
  /** Empty, or one that the resource has. */
  subresource: string;
}

/** @returns nothing for a path that is not that of a resource of ours */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const segments = decodeSegments(path);
  if (!segments) return undefined;
  const [root, ...rest] = segments;
  const [group, version, tail] =
    root === 'api' ? ['', rest[0], rest.slice(1)] : root === 'apis' ? [rest[0], rest[1], rest.slice(2)] : [];
  if (group === undefined || version === undefined || !tail || tail.includes('')) return undefined;
  const namespaced = tail[0] === 'namespaces' && tail.length >= 3 && findResource(group, version, tail[2] ?? '');
  const inNamespace = namespaced && namespaced.namespaced ? namespaced : undefined;
  const resource = inNamespace ?? findResource(group, version, tail[0] ?? '');
  if (!resource) return undefined;
  const namespace = inNamespace ? (tail[1] ?? '') : '';
  const [name = '', subresource = '', ...more] = inNamespace ? tail.slice(3) : tail.slice(1);
  if (more.length > 0 || (subresource !== '' && !(resource.subresources as string[]).includes(subresource))) {
    return undefined;
  }
  if (name !== '' && resource.namespaced && namespace === '') return undefined;
  return { resource, namespace, name, subresource };
}

function decodeSegments(path: string): string[] | undefined {
  try {
    return path.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return undefined;
  }
}
