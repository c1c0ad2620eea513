/** The syntax of names, labels and ports. Each function returns what is wrong, in the API server's words, or nothing. */

const dns1123Label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dns1123Subdomain = `${dns1123Label}(\\.${dns1123Label})*`;
const dns1035Label = '[a-z]([-a-z0-9]*[a-z0-9])?';
const qualifiedName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValue = '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?';

const patterns = {
  dns1123Label: new RegExp(`^${dns1123Label}$`),
  dns1123Subdomain: new RegExp(`^${dns1123Subdomain}$`),
  dns1035Label: new RegExp(`^${dns1035Label}$`),
  qualifiedName: new RegExp(`^${qualifiedName}$`),
  labelValue: new RegExp(`^${labelValue}$`),
};

function mustMatch(message: string, pattern: string, ...examples: string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

function mustBeNoMoreThan(characters: number): string {
  return `must be no more than ${characters} characters`;
}

export function checkDns1123Label(value: string): string[] {
  const wrong: string[] = [];
  if (value.length > 63) wrong.push(mustBeNoMoreThan(63));
  if (patterns.dns1123Label.test(value)) return wrong;
  if (patterns.dns1123Subdomain.test(value)) return [...wrong, 'must not contain dots'];
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...wrong, mustMatch(message, dns1123Label, 'my-name', '123-abc')];
}

export function checkDns1123Subdomain(value: string): string[] {
  const wrong: string[] = [];
  if (value.length > 253) wrong.push(mustBeNoMoreThan(253));
  if (patterns.dns1123Subdomain.test(value)) return wrong;
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [...wrong, mustMatch(message, dns1123Subdomain, 'example.com')];
}

export function checkDns1035Label(value: string): string[] {
  const wrong: string[] = [];
  if (value.length > 63) wrong.push(mustBeNoMoreThan(63));
  if (patterns.dns1035Label.test(value)) return wrong;
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [...wrong, mustMatch(message, dns1035Label, 'my-name', 'abc-123')];
}

/** Keys of labels and annotations: a name, with a DNS subdomain and a slash before it or not. */
export function checkQualifiedName(value: string): string[] {
  const parts = value.split('/');
  const name = parts.at(-1) ?? '';
  const message =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const examples = ['MyName', 'my.name', '123-abc'];
  if (parts.length > 2) {
    const shape = mustMatch(`a valid label key ${message}`, qualifiedName, ...examples);
    return [`${shape} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const wrong: string[] = [];
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') wrong.push('prefix part must be non-empty');
    else wrong.push(...checkDns1123Subdomain(prefix).map((each) => `prefix part ${each}`));
  }
  if (name === '') wrong.push('name part must be non-empty');
  else if (name.length > 63) wrong.push('name part must be no more than 63 bytes');
  if (!patterns.qualifiedName.test(name)) wrong.push(`name part ${mustMatch(message, qualifiedName, ...examples)}`);
  return wrong;
}

export function checkLabelValue(value: string): string[] {
  const wrong: string[] = [];
  if (value.length > 63) wrong.push('must be no more than 63 bytes');
  if (patterns.labelValue.test(value)) return wrong;
  const message =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [...wrong, mustMatch(message, labelValue, 'MyValue', 'my_value', '12345')];
}

/** Names of container ports, and of the container ports that a Service points at. */
export function checkPortName(value: string): string[] {
  const wrong: string[] = [];
  if (value.length > 15) wrong.push(mustBeNoMoreThan(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    wrong.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) wrong.push('must contain at least one letter (a-z)');
  if (value.includes('--')) wrong.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) wrong.push('must not begin or end with a hyphen');
  return wrong;
}

export function checkPortNumber(value: number): string[] {
  return value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** Environment variables: printable ASCII without `=`. */
export function checkEnvironmentVariableName(value: string): string[] {
  if (value === '') return ['environment variable name must be non-empty'];
  if (/^[ -<>-~]+$/.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}
