/** Answers as JSON, and what a page of them may weigh. */
import type { Container } from '../../containers/container.ts';

interface Text {
  text: string;
  /** In UTF-8. */
  bytes: number;
}

/** The text of each container that was sent before: a container is the same object until anything about it changes. */
const texts = new WeakMap<Container, Text>();

/** The same as `JSON.stringify`, for less where containers were sent before. */
export function serialize(body: object): string {
  if (isContainerList(body)) {
    const { containers, ...rest } = body;
    const others = JSON.stringify(rest);
    const all = `"containers":[${containers.map((container) => textOf(container).text).join(',')}]`;
    return others === '{}' ? `{${all}}` : `{${all},${others.slice(1)}`;
  }
  return isContainer(body) ? textOf(body).text : JSON.stringify(body);
}

/** What a container takes in an answer, in bytes. */
export function sizeOf(container: Container): number {
  return textOf(container).bytes;
}

function textOf(container: Container): Text {
  let known = texts.get(container);
  if (known === undefined) {
    const text = JSON.stringify(container);
    known = { text, bytes: Buffer.byteLength(text) };
    texts.set(container, known);
  }
  return known;
}

export function isContainerList(body: object): body is { containers: Container[] } {
  return 'containers' in body;
}

function isContainer(body: object): body is Container {
  return 'spec' in body;
}

/** What a page may weigh. */
const maxPageBytes = 4 * 1024 * 1024;
/** What a page has beside its containers; a token has 111 bytes at most. */
const envelopeBytes = 256;
/** A page's `fits`: to be asked for one container after the other. */
export function withinPage(): (container: Container) => boolean {
  let bytes = envelopeBytes;
  return (container) => (bytes += sizeOf(container) + ','.length) <= maxPageBytes;
}
