/** What the values of variables may be, and how they are read. */
import { hintNames } from '../containers/hints.ts';
import type { HintName } from '../containers/hints.ts';
import { labelKeyViolation } from '../containers/label-syntax.ts';
import { isTrustworthyUrl } from '../http-client.ts';
import { maxTimerMs } from '../clock.ts';
import { parseHost, parseListenAddress } from './address.ts';
import type { ListenAddress } from './address.ts';
import { parseDuration } from '../containers/units.ts';

/** A kind of value. */
export interface Kind<T> {
  /** Completes "must be …". */
  allowed: string;
  /** Undefined: the value is not allowed. */
  parse: (value: string) => T | undefined;
  /** The value may hold credentials, and is not repeated in a problem. */
  confidential?: boolean;
}

function matching(pattern: RegExp, allowed: string): Kind<string> {
  return { allowed, parse: (value) => (pattern.test(value) ? value : undefined) };
}

/** Items with commas between, and white space around them. */
function listOf<T extends string>(parseItem: (item: string) => T | undefined, allowed: string): Kind<ReadonlySet<T>> {
  return {
    allowed,
    parse(value) {
      const items = value.split(',').map((item) => parseItem(item.trim()));
      return items.every((item) => item !== undefined) ? new Set(items) : undefined;
    },
  };
}

export function oneOf<const T extends string>(...values: T[]): Kind<T> {
  return { allowed: `one of ${values.join(', ')}`, parse: (value) => values.find((allowed) => allowed === value) };
}

export const flag: Kind<boolean> = {
  allowed: 'true or false',
  parse: (value) => (value === 'true' || value === 'false' ? value === 'true' : undefined),
};

export const text = matching(/^\P{Cc}*$/u, 'text without control characters');
export const providerName = matching(/^[A-Za-z0-9._-]+$/, 'made of letters, digits, ".", "_" and "-"');
export const providerNames = listOf(
  providerName.parse,
  'a comma-separated list of names made of letters, digits, ".", "_" and "-"',
);

export const namespace = matching(
  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  'the name of a namespace: 1 to 63 lower-case letters, digits and "-", first and last a letter or digit',
);

/** RFC 1123, a subdomain. */
export const objectName = matching(
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  'a name that Kubernetes takes: lower-case letters, digits, "-" and ".", first and last a letter or digit',
);

export const bucketName = matching(
  /^[-\w]{1,200}$/,
  'the name of a JetStream bucket: 1 to 200 letters, digits, "_" and "-"',
);

export const listenAddress: Kind<ListenAddress> = {
  allowed: 'host:port, :port or [IPv6]:port, with a port from 0 to 65535',
  parse: parseListenAddress,
};

export const host: Kind<string> = {
  allowed: 'a host name or an IP address, without scheme, port and brackets, such as node.example or 2001:db8::7',
  parse: parseHost,
};

/** In milliseconds, as all durations. */
export const duration: Kind<number> = {
  allowed: 'a duration above 0 and up to 596h, such as 500ms, 15s or 1m30s',
  parse(value) {
    const ms = parseDuration(value);
    return ms !== undefined && ms > 0 && ms <= maxTimerMs ? ms : undefined;
  },
};

export const durationOrNone: Kind<number> = {
  allowed: 'a duration up to 596h, such as 500ms, 5s or 1m, or 0s for none',
  parse: (value) => (parseDuration(value) === 0 ? 0 : duration.parse(value)),
};

/** What is below a second is rounded up: Kubernetes counts whole ones. */
export const wholeSeconds: Kind<number> = {
  allowed: 'a duration from 1s up to 596h, such as 90s or 10m',
  parse(value) {
    const ms = duration.parse(value);
    return ms !== undefined && ms >= 1_000 ? Math.ceil(ms / 1_000) : undefined;
  },
};

/** The registry is not to be asked in a loop. */
export const refreshPeriod: Kind<number> = {
  allowed: 'a duration from 1s to 596h, such as 15s, 1m30s or 10m, or 0 for never',
  parse(value) {
    const ms = durationOrNone.parse(value);
    return ms === undefined || (ms > 0 && ms < 1_000) ? undefined : ms;
  },
};

function wholeNumberOf(things: string): Kind<number> {
  return {
    allowed: `a whole number of ${things} from 0 to ${maxTimerMs}`,
    parse: (value) => (/^\d{1,10}$/.test(value) && Number(value) <= maxTimerMs ? Number(value) : undefined),
  };
}

export const milliseconds = wholeNumberOf('milliseconds');
export const restarts = wholeNumberOf('restarts');

/** `none` is the empty set. */
export const hints: Kind<ReadonlySet<HintName>> = {
  allowed: `none, or a comma-separated list of ${hintNames.join(', ')}`,
  parse: (value) => (value.trim() === 'none' ? new Set() : listedHints.parse(value)),
};
const listedHints = listOf(oneOf(...hintNames).parse, '');

export const secretNames = listOf(objectName.parse, 'a comma-separated list of names of Secrets');

export const annotationKeys = listOf(
  (key) => (labelKeyViolation(key.replace(/\/\*$/, '/any')) === undefined ? key : undefined),
  'a comma-separated list of keys of annotations, or prefix/* for all keys under a prefix',
);

/** What may stand before more of a name is what makes one with a letter behind it. */
export const claimNames = listOf(
  (name) => (objectName.parse(name.replace(/\*$/, 'x')) === undefined ? undefined : name),
  'a comma-separated list of names of claims, or prefix* for all names that begin so',
);

/** Without trailing slashes. */
export const baseUrl: Kind<string> = {
  allowed: 'an http or https URL without user, password, query and fragment, such as http://host:8080/path',
  parse: parseBaseUrl,
  confidential: true,
};

export const endpointUrl: Kind<string> = {
  allowed: 'an http or https URL without user, password and fragment, such as https://host/realms/dcm/token',
  parse: (value) => (isUrlWithQuery(value) ? value : undefined),
  confidential: true,
};

/** Kept as it is written: a token's `iss` is compared letter by letter, trailing slash included. */
export const issuerUrl: Kind<string> = {
  allowed: 'an https URL (http on a loopback address) without user, password, query and fragment',
  parse: (value) => (parseBaseUrl(value) !== undefined && isTrustworthyUrl(value) ? value : undefined),
  confidential: true,
};

export const keysUrl: Kind<string> = {
  allowed: 'an https URL (http on a loopback address) without user, password and fragment',
  parse: (value) => (isUrlWithQuery(value) && isTrustworthyUrl(value) ? value : undefined),
  confidential: true,
};

/** A token as it can stand in a header, RFC 6750, section 2.1. */
export const bearerToken: Kind<string> = {
  ...matching(/^[A-Za-z0-9._~+/-]+=*$/, 'a token of letters, digits and "-._~+/", with "=" at its end alone'),
  confidential: true,
};

/** RFC 6749, appendix A. */
export const clientText: Kind<string> = { ...matching(/^[\x20-\x7e]+$/, 'printable ASCII text'), confidential: true };

/** RFC 6749, section 3.3. */
export const scopeToken = matching(
  /^[\x21\x23-\x5b\x5d-\x7e]+$/,
  'one scope: printable ASCII characters without spaces, " and \\',
);

/** Checked by hand first, since `URL` corrects what is not a URL: it trims, and takes `http:host` and `http:\\host`. */
function parseBaseUrl(value: string): string | undefined {
  if (!/^https?:\/\/[^/\\\s\p{Cc}@?#][^\\\s\p{Cc}?#]*$/iu.test(value) || !URL.canParse(value)) return undefined;
  const { username, password } = new URL(value);
  return username === '' && password === '' ? value.replace(/\/+$/, '') : undefined;
}

function isUrlWithQuery(value: string): boolean {
  return parseBaseUrl(value.replace(/\?.*$/s, '')) !== undefined && !/[\s#]/.test(value);
}
