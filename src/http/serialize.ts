/** Answers as JSON. */
import type { Container } from '../containers/container.ts';

/** The text of each container that was sent before: a container is the same object until anything about it changes. */
const texts = new WeakMap<Container, string>();

/** The same as `JSON.stringify`, for less where containers were sent before. */
export function serialize(body: object): string {
  if (isContainerList(body)) {
    const { containers, ...rest } = body;
    const others = JSON.stringify(rest);
    const all = `"containers":[${containers.map(serializeContainer).join(',')}]`;
    return others === '{}' ? `{${all}}` : `{${all},${others.slice(1)}`;
  }
  return isContainer(body) ? serializeContainer(body) : JSON.stringify(body);
}

function serializeContainer(container: Container): string {
  let text = texts.get(container);
  if (text === undefined) {
    text = JSON.stringify(container);
    texts.set(container, text);
  }
  return text;
}

function isContainerList(body: object): body is { containers: Container[] } {
  return 'containers' in body;
}

function isContainer(body: object): body is Container {
  return 'spec' in body;
}
