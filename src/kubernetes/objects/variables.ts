/**
 * Kubernetes replaces `$(NAME)` and `$$` in environment values, commands and arguments, and in the commands of probes, by
 * https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#entrypoint: text that is to reach the
 * container as it is has each `$` twice.
 */

/** As text is to be written so that Kubernetes makes the text itself of it. */
export function escapeVariables(text: string): string {
  return text.replaceAll('$', () => '$$');
}

/** The text that was escaped. */
export function unescapeVariables(text: string): string {
  return text.replaceAll('$$', () => '$');
}
