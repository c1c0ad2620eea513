/**
 * Why something does not come up, in the last words of kubelets, runtimes and the API server: short, and the same each time
 * they try.
 */

/** Longest cause, in UTF-16 units. */
const maxCauseLength = 300;

/** What says only that something failed, or where: the cause follows it. */
const introductions: readonly RegExp[] = [
  /^(failed|unable) to\b/i,
  /^couldn't\b/i,
  /^(OCI runtime|runc|crun|container) (create|start) failed$/,
  /^error during container init$/,
  /^(rpc error|connection error)$/,
  /^(Head|Get) "/,
  /^unexpected status (from|code) /,
  /^httpReadSeeker$/,
  /^failed open$/,
  /^pull image err$/,
  /^image pull failed for \S+ because the /,
  /^initializing source \S+$/,
  /^pinging container registry \S+$/,
  /^reading manifest \S+ in \S+$/,
  /^(dial|read|write) (tcp|udp|unix)\b/,
  /^lookup \S+( on \S+)?$/,
  /^connect$/,
  /^Error response from daemon$/,
];

/**
 * The cause at the end of a chain of `what failed: why: why`, as Go programs build them: from the first part that says
 * more than that something failed, cut to one sentence and 300 characters.
 *
 * @param names - the Pod's own name and uid, which change with each Pod and are left out
 */
export function kubeletCause(message: string, names: readonly string[]): string {
  const chain = lasting(message)
    .replace(/\btime="…" level=\w+ msg="(.*)"\s*$/s, (_line, words: string) => words.replaceAll('\\"', '"'))
    .replace(/; artifact err: .*$/s, '')
    .replace(/: unknown$/, '')
    .replace(/^Back-off pulling image "[^"]*"(: \w+)?(: )?/, '')
    .replace(/\brpc error: code = \w+ desc = /g, '')
    .replace(/\bconnection error: desc = "transport: Error while dialing: (.*)"/, '$1')
    .replace(/ \(pod: "[^"]*", container: [^)]*\)/, '');
  const parts = chain.split(': ');
  const first = parts.findIndex((part, index) => index === parts.length - 1 || !isIntroduction(part, chain));
  return shortened(withoutNames(parts.slice(first).join(': '), names));
}

/**
 * What was said, without what differs from one try to the next: times, the ports that connections come from, numbered
 * folders, and the queries of addresses, which may also hold a signature that opens them.
 */
export function lasting(message: string): string {
  return message
    .replace(/(\bhttps?:\/\/[^\s"?]*)\?[^\s"]*?(?=:?(?:[\s"]|$))/g, '$1')
    .replace(/: current time \S+ is (?:after|before) \S+/g, '')
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g, '…')
    .replace(/(\b(?:tcp|udp) )\S+:\d+->(?=\S)/g, '$1')
    .replace(/(containerd-mount|container_images_storage|\/snapshots\/(?:new-)?|\/fd\/)\d+/g, '$1…');
}

/**
 * `The node was low on resource: memory. Threshold quantity: …` without the figures, which differ with every Pod.
 */
export function evictionCause(message: string): string {
  return shortened(message.replace(/, requested: .*$/s, ''));
}

/** An image's own name, which the spec has, introduces what is the matter with it. */
function isIntroduction(part: string, chain: string): boolean {
  return introductions.some((introduction) => introduction.test(part)) || chain.includes(`"${part}"`);
}

function withoutNames(text: string, names: readonly string[]): string {
  const plain = text.replace(/\b[0-9a-f]{64}\b/g, '…');
  return names.reduce((rest, name) => rest.replaceAll(name, '…').replaceAll(name.replaceAll('-', '_'), '…'), plain);
}

function shortened(text: string): string {
  const sentence = (/^.*?(?=\.(?:\s|$))/s.exec(text)?.[0] ?? text).trim();
  return sentence.length <= maxCauseLength ? sentence : `${sentence.slice(0, maxCauseLength - 1).toWellFormed()}…`;
}

/**
 * Faults of Kubernetes itself, or of what it asks: they end by themselves. Some of them come as a refusal: a quota whose use
 * has not been counted yet, a service account that is still being made, a namespace that is going. Policies and names may
 * speak of time-outs too: only the words of errors count.
 */
const passing: readonly RegExp[] = [
  /\bInternal error\b/i,
  /\bfailed (?:calling|to call) webhook\b/,
  /\b(?:timed out|deadline exceeded|connection (?:refused|reset)|no such host|TLS handshake)\b/i,
  /\bi\/o timeout\b|\bClient\.Timeout\b|\bunexpected EOF\b|: EOF$/,
  /\bthe object has been modified\b|\boperation cannot be fulfilled\b/i,
  /\bToo ?Many ?Requests\b|\btoo many requests\b|\brate limit exceeded\b/i,
  /\betcdserver: |\bservice unavailable\b|\bserver is currently unable\b|\bnot yet ready to handle request\b/i,
  /\bstatus unknown for quota\b|\berror looking up service account\b|\bis being terminated\b/,
];

const refusing: readonly RegExp[] = [
  /\bis forbidden\b/,
  /\bis invalid\b/,
  /\bdenied the request\b/,
  /\bexceeded quota\b/,
];

/** Whether it is a refusal of a quota, a policy or a rule. What is neither known as that nor as a fault counts as a fault. */
export function isRefusal(message: string): boolean {
  return !passing.some((fault) => fault.test(message)) && refusing.some((refusal) => refusal.test(message));
}

/**
 * What was said, without the generated name of the Pod or ReplicaSet, what others use of a quota just now, and the order of
 * a list of reasons, which change with every try.
 *
 * @param deploymentName - of the Deployment that they belong to
 */
export function refusalWords(message: string, deploymentName: string): string {
  const generatedName = new RegExp(`${deploymentName.slice(0, 57).replaceAll('.', '\\.')}[a-z0-9-]*-?[a-z0-9]{5}`, 'g');
  return lasting(message)
    .replace(/^(?:pods|replicasets\.apps) "[^"]*" is forbidden: /, '')
    .replace(generatedName, deploymentName)
    .replace(/, used: .*?(?=, limited: )/gs, '')
    .replace(/(?<=denied the request: )(?:\[[^\n]*(?:\n|$)){2,}$/, (list) => list.split('\n').sort().join('\n'))
    .replace(/^\[(.*)\]$/s, (_list, reasons: string) => `[${sorted(reasons)}]`);
}

/** The reasons of a LimitRange: each begins with the bound that it is about. */
function sorted(reasons: string): string {
  return reasons
    .split(/, (?=(?:minimum|maximum) |[a-z-]+ max limit)/)
    .sort()
    .join(', ');
}
