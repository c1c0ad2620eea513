/** The syntax of Kubernetes labels: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/ */

const labelNamePattern = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelPrefixPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** What is wrong with the key of a label or an annotation; absent where nothing is. */
export function labelKeyViolation(key: string): string | undefined {
  const slash = key.indexOf('/');
  const prefix = key.slice(0, Math.max(slash, 0));
  if (slash >= 0 && (prefix.length > 253 || !labelPrefixPattern.test(prefix))) {
    return 'must have a key whose prefix is a DNS name of at most 253 characters';
  }
  if (!labelNamePattern.test(key.slice(slash + 1))) {
    return 'must have a key of 1 to 63 letters, digits, "-", "_" and ".", with a letter or digit at either end';
  }
  return undefined;
}

/** What is wrong with the value of a label; absent where nothing is. */
export function labelValueViolation(value: string): string | undefined {
  return value === '' || labelNamePattern.test(value)
    ? undefined
    : 'must be empty or 1 to 63 letters, digits, "-", "_" and ".", with a letter or digit at either end';
}
