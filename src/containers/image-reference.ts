/**
 * References of images, by the grammar of https://github.com/distribution/reference as kubelets read it: what is none here can
 * never be pulled.
 */

/** Longer ones are refused by the schema. */
const maxLength = 4_096;
const maxPathLength = 255;
/** Names of Docker Hub without a slash get this before them, within their length. */
const officialPrefix = 'library/';
const hubHosts: readonly (string | undefined)[] = [undefined, 'docker.io', 'index.docker.io'];

const hostComponent = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const hostPattern = new RegExp(String.raw`^(?:${hostComponent}(?:\.${hostComponent})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$`);
const pathComponentPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;

/** Which part of the text keeps it from being a reference, completing "The reference …"; absent where it is one. */
export function imageReferenceViolation(reference: string): string | undefined {
  if (reference === '' || reference.length > maxLength) return undefined;
  if (/\s/.test(reference)) return 'must not have white space';
  if (reference.includes('${')) return 'must not have variables such as ${NAME}, which nothing replaces';
  if (/^\w+:\/\//.test(reference)) return 'must not begin with a scheme such as "https://"';
  if (/^[a-f0-9]{64}$/.test(reference)) return 'must not be an image id of 64 hexadecimal digits';
  const { name, tag, digest } = partsOf(reference);
  return nameViolation(name) ?? tagViolation(tag) ?? digestViolation(digest);
}

/** `name[:tag][@digest]`, of which a name may have a port before its last slash. */
function partsOf(reference: string): { name: string; tag: string | undefined; digest: string | undefined } {
  const [named, digest] = splitAt(reference, reference.indexOf('@'));
  const [name, tag] = splitAt(named, named.indexOf(':', named.lastIndexOf('/') + 1));
  return { name, tag, digest };
}

function splitAt(text: string, index: number): [before: string, after: string | undefined] {
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function nameViolation(name: string): string | undefined {
  if (name === '') return 'must have the name of a repository';
  const { host, path } = splitName(name);
  if (host !== undefined && !hostPattern.test(host)) {
    return `must have before its first "/" a host name or IP address, with a port or without, and not ${shown(host)}`;
  }
  const components = path.split('/');
  const wrong = components.find((component) => !pathComponentPattern.test(component));
  if (wrong === '') return 'must not have an empty part in its path';
  if (wrong !== undefined) {
    return /[A-Z]/.test(wrong)
      ? `must have its path in lower case, unlike ${shown(wrong)}`
      : `must have a path of lower-case letters and digits, with single ".", "_", "__" or hyphens between them, unlike ${shown(wrong)}`;
  }
  const prefix = hubHosts.includes(host) && components.length === 1 ? officialPrefix : '';
  const most = maxPathLength - prefix.length;
  return path.length > most ? `must have a path of at most ${most} characters` : undefined;
}

/** What stands before the first slash is a host where it looks like one, unless it can only be a part of the path. */
function splitName(name: string): { host: string | undefined; path: string } {
  const [first, rest] = splitAt(name, name.indexOf('/'));
  if (rest === undefined) return { host: undefined, path: name };
  const looksLikeHost = first === 'localhost' || /[.:A-Z]/.test(first);
  const isHost = looksLikeHost && (hostPattern.test(first) || !pathComponentPattern.test(first));
  return isHost ? { host: first, path: rest } : { host: undefined, path: name };
}

function tagViolation(tag: string | undefined): string | undefined {
  if (tag === undefined || tagPattern.test(tag)) return undefined;
  if (tag === '') return 'must have a tag after ":", or no ":"';
  return `must have a tag of at most 128 letters, digits, "_", "." and "-" that begins with none of the last two, and not ${shown(tag)}`;
}

function digestViolation(digest: string | undefined): string | undefined {
  if (digest === undefined || digestPattern.test(digest)) return undefined;
  return `must have after "@" a digest such as sha256: and 64 hexadecimal digits in lower case, and not ${shown(digest)}`;
}

/** Quoted, and cut to what a client needs to know it by. */
function shown(part: string): string {
  return JSON.stringify(part.length > 63 ? `${part.slice(0, 62)}…` : part);
}
