/**
 * What KWOK plays in place of kubelets and of a cloud: one stage is one step in the life of an object, taken when the
 * selector matches, after the delay. The templates are Go templates that yield YAML.
 *
 * The last part of the name of a Pod's first image steers it, as in the sandbox: `missing` cannot be pulled, `crash`
 * exits with code 1 again and again and `done` with code 0, `gone` exits once and can then no longer be pulled, `slow`
 * takes its time to start, `unready` runs and never passes a readiness or startup probe, and `private` cannot be pulled by
 * a Pod without pull secrets; all others run after about a second. Further containers run, unless their image is `missing`.
 *
 * KWOK sees nothing but the Pod: Secrets and ConfigMaps named `missing` are played as not there, all others as there.
 */

/** Pods with this annotation are left to the test: KWOK changes nothing about them but completes their deletion. */
export const manualAnnotation = 'control-plane.test/manual';

/** Nodes with this label are kept alive by KWOK; one that loses it falls silent, as a machine does that is unplugged. */
export const managedNodeLabel = 'control-plane.test/managed';

export const loadBalancerFinalizer = 'service.kubernetes.io/load-balancer-cleanup';

/** Milliseconds; a kubelet restarts a crashed container after 10 s, 20 s, … 5 min, which no test wants to wait for. */
export const delays = {
  start: 700,
  slowStart: 10_000,
  crash: 1_000,
  firstRestart: 200,
  crashToBackOff: 500,
  backOff: 4_000,
  pullToBackOff: 1_000,
  pullAgain: 4_000,
  stop: 300,
  nodeBack: 500,
  loadBalancerAddress: 1_000,
  loadBalancerCleanup: 3_000,
};

interface Condition {
  /** A jq expression on the object. */
  key: string;
  operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  values?: string[];
}

interface Next {
  statusTemplate?: string;
  delete?: true;
  finalizers?: { add?: { value: string }[]; remove?: { value: string }[] };
  event?: { type: 'Normal' | 'Warning'; reason: string; message: string };
}

type Kind = 'Node' | 'Pod' | 'Service';

function stage(kind: Kind, name: string, matchExpressions: Condition[], next: Next, delay = 0): object {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: {
      resourceRef: { apiGroup: 'v1', kind },
      selector: { matchExpressions },
      delay: { durationMilliseconds: delay },
      next,
    },
  };
}

const isIn = (key: string, ...values: string[]): Condition => ({ key, operator: 'In', values });
const isNotIn = (key: string, ...values: string[]): Condition => ({ key, operator: 'NotIn', values });
const exists = (key: string): Condition => ({ key, operator: 'Exists' });
const isAbsent = (key: string): Condition => ({ key, operator: 'DoesNotExist' });

const condition = (type: string): string => `.status.conditions[]? | select(.type == "${type}") | .status`;

const image = '.spec.containers[0].image | sub("@.*$"; "") | split("/") | last | split(":")[0]';
const named = (...paths: string[]): string => paths.map((path) => `${path} == "missing"`).join(' or ');

/** What becomes of the Pod: the name of its image, unless something else decides. A word; empty for none. */
const fate = `(${image}) as $image
| if any(.spec.volumes[]?; ${named('.secret.secretName', '.configMap.name')}) then "unmountable"
  elif $image == "private" and (.spec.imagePullSecrets | length) == 0 then "missing"
  elif $image != "missing" and any(.spec.containers[0].envFrom[]?; ${named('.secretRef.name', '.configMapRef.name')}) then "unconfigured"
  elif $image == "unready" and (.spec.containers[0] | .readinessProbe // .startupProbe) == null then "runs"
  else $image end`;
const waitingReason = '.status.containerStatuses[0].state.waiting.reason';
const terminated = '.status.containerStatuses[0].state.terminated';
const isRunning = exists('.status.containerStatuses[0].state.running');
const restartCount = '.status.containerStatuses[0].restartCount | tostring';
const isManual = `.metadata.annotations["${manualAnnotation}"]`;
const isDeleted = '.metadata.deletionTimestamp';

/** A Go template string: a regular expression for images named `missing`. */
const missingImage = '`(^|/)missing([:@].*)?$`';

/** Conditions that change, merged by type into those that are there. */
function readiness(ready: boolean): string {
  const detail = ready
    ? 'status: "True", reason: null, message: null'
    : `status: "False", reason: ContainersNotReady, message: 'containers with unready status: [{{ range .spec.containers }}{{ .name }} {{ end }}]'`;
  return `
- { type: Ready, lastTransitionTime: {{ Now | Quote }}, ${detail} }
- { type: ContainersReady, lastTransitionTime: {{ Now | Quote }}, ${detail} }`;
}

/**
 * Statuses of all containers: the first is in `state`, the others run (or are in `others`) and then stay as they are.
 * Go template expressions in the options may use `$old`, the first container's former status, and `$now`.
 */
function containerStatuses(
  state: string,
  options: { running?: boolean; ready?: boolean; restarts?: string; lastState?: string; others?: string } = {},
): string {
  const running = options.running ?? false;
  return `
{{ $now := Now }}
{{ $statuses := .status.containerStatuses | default list }}
{{ $old := dict }}
{{ if $statuses }}{{ $old = index $statuses 0 }}{{ end }}
containerStatuses:
{{ range $index, $container := .spec.containers }}
{{ if eq $index 0 }}
- name: {{ $container.name | Quote }}
  image: {{ $container.image | Quote }}
  imageID: ""
  ready: ${String(options.ready ?? running)}
  started: ${options.ready === false ? '{{ not (hasKey $container "startupProbe") }}' : String(running)}
  restartCount: ${options.restarts ?? '{{ $old.restartCount | default 0 }}'}
  state: ${state}
  lastState: ${options.lastState ?? '{{ $old.lastState | default dict | toJson }}'}
{{ else if regexMatch ${missingImage} $container.image }}
- name: {{ $container.name | Quote }}
  image: {{ $container.image | Quote }}
  imageID: ""
  ready: false
  started: false
  restartCount: 0
  state: ${waitingState('ImagePullBackOff', 'Back-off pulling image "{{ $container.image }}"')}
{{ else if and $statuses (index $statuses $index).ready }}
- {{ index $statuses $index | toJson }}
{{ else }}
- name: {{ $container.name | Quote }}
  image: {{ $container.image | Quote }}
  imageID: ""
  ready: ${String(options.others === undefined)}
  started: ${String(options.others === undefined)}
  restartCount: 0
  state: ${options.others ?? '{ running: { startedAt: {{ $now | Quote }} } }'}
{{ end }}
{{ end }}`;
}

const runningState = '{ running: { startedAt: {{ $now | Quote }} } }';
const lastEnd =
  '{{ if hasKey $old.state "terminated" }}{{ $old.state | toJson }}{{ else }}{{ $old.lastState | default dict | toJson }}{{ end }}';
const oneMoreRestart = '{{ add1 (atoi (toString ($old.restartCount | default 0))) }}';
const waitingState = (reason: string, message: string): string =>
  `{ waiting: { reason: ${reason}, message: ${JSON.stringify(message)} } }`;

const created = `
phase: Pending
startTime: {{ Now | Quote }}
{{ with NodeIPWith .spec.nodeName }}
hostIP: {{ . | Quote }}
hostIPs: [{ ip: {{ . | Quote }} }]
{{ end }}
conditions:
- { type: PodReadyToStartContainers, status: "True", lastTransitionTime: {{ Now | Quote }} }
- { type: Initialized, status: "True", lastTransitionTime: {{ Now | Quote }} }
${readiness(false)}
${containerStatuses('{ waiting: { reason: ContainerCreating } }', { others: '{ waiting: { reason: ContainerCreating } }' })}`;

/** As long as a container of the Pod has never started, the Pod is pending, whatever the others do. */
const started = (ready: boolean): string => `
{{ $phase := "Running" }}
{{ range $index, $container := .spec.containers }}
{{ if and (gt $index 0) (regexMatch ${missingImage} $container.image) }}{{ $phase = "Pending" }}{{ end }}
{{ end }}
phase: {{ $phase }}
{{ $ip := PodIPWith .spec.nodeName (or .spec.hostNetwork false) .metadata.uid .metadata.name .metadata.namespace }}
podIP: {{ $ip | Quote }}
podIPs: [{ ip: {{ $ip | Quote }} }]
{{ with .spec.initContainers }}
initContainerStatuses:
{{ range . }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  state: { terminated: { exitCode: 0, reason: Completed, startedAt: {{ Now | Quote }}, finishedAt: {{ Now | Quote }} } }
{{ end }}
{{ end }}
conditions:
${readiness(ready)}
${containerStatuses(runningState, { running: true, ready })}`;

const restarted = `
conditions:
${readiness(true)}
${containerStatuses(runningState, { running: true, restarts: oneMoreRestart, lastState: lastEnd })}`;

function exited(exitCode: number, reason: string): string {
  const times = 'startedAt: {{ (index $old.state "running").startedAt | Quote }}, finishedAt: {{ $now | Quote }}';
  return `
conditions:
${readiness(false)}
${containerStatuses(`{ terminated: { exitCode: ${exitCode}, reason: ${reason}, ${times} } }`)}`;
}

const backsOff = containerStatuses(waitingState('CrashLoopBackOff', 'back-off restarting failed container'), {
  lastState: '{{ $old.state | toJson }}',
});

const configFails = containerStatuses(
  waitingState('CreateContainerConfigError', 'secret or configmap "missing" not found'),
);

const pullFails = containerStatuses(
  waitingState('ErrImagePull', 'failed to pull image "{{ $container.image }}": not found'),
  { lastState: lastEnd },
);
const pullBacksOff = containerStatuses(
  waitingState('ImagePullBackOff', 'Back-off pulling image "{{ $container.image }}"'),
);

/** A Pod that KWOK looks after: the stages below are for these alone. */
const alive = [isAbsent(isDeleted), isAbsent(isManual), isNotIn('.status.phase', 'Failed', 'Succeeded')];
const creating = [...alive, isIn(waitingReason, 'ContainerCreating')];
const ending = [...alive, isIn(fate, 'crash', 'done', 'gone')];
const endingAgain = [...alive, isIn(fate, 'crash', 'done')];

const podStages = [
  stage('Pod', 'pod-created', [...alive, isAbsent('.status.containerStatuses')], { statusTemplate: created }),
  stage(
    'Pod',
    'pod-started',
    [...creating, isNotIn(fate, 'missing', 'slow', 'unready', 'unmountable', 'unconfigured')],
    { statusTemplate: started(true) },
    delays.start,
  ),
  stage(
    'Pod',
    'pod-started-slowly',
    [...creating, isIn(fate, 'slow')],
    { statusTemplate: started(true) },
    delays.slowStart,
  ),
  stage(
    'Pod',
    'pod-started-unready',
    [...creating, isIn(fate, 'unready')],
    { statusTemplate: started(false) },
    delays.start,
  ),

  stage(
    'Pod',
    'configuration-missing',
    [...creating, isIn(fate, 'unconfigured')],
    { statusTemplate: configFails },
    delays.start,
  ),
  stage('Pod', 'pull-failed', [...creating, isIn(fate, 'missing')], { statusTemplate: pullFails }, delays.start),
  stage(
    'Pod',
    'pull-backs-off',
    [...alive, isIn(waitingReason, 'ErrImagePull')],
    { statusTemplate: pullBacksOff },
    delays.pullToBackOff,
  ),
  stage(
    'Pod',
    'pull-failed-again',
    [...alive, isIn(waitingReason, 'ImagePullBackOff')],
    { statusTemplate: pullFails },
    delays.pullAgain,
  ),

  stage(
    'Pod',
    'container-crashed',
    [...ending, isRunning, isNotIn(fate, 'done')],
    { statusTemplate: exited(1, 'Error') },
    delays.crash,
  ),
  stage(
    'Pod',
    'container-completed',
    [...ending, isRunning, isIn(fate, 'done')],
    { statusTemplate: exited(0, 'Completed') },
    delays.crash,
  ),
  stage(
    'Pod',
    'image-gone',
    [...alive, isIn(fate, 'gone'), exists(terminated)],
    { statusTemplate: pullFails },
    delays.firstRestart,
  ),
  stage(
    'Pod',
    'container-restarted',
    [...endingAgain, exists(terminated), isIn(restartCount, '0')],
    { statusTemplate: restarted },
    delays.firstRestart,
  ),
  stage(
    'Pod',
    'container-backs-off',
    [...endingAgain, exists(terminated), isNotIn(restartCount, '0')],
    { statusTemplate: backsOff },
    delays.crashToBackOff,
  ),
  stage(
    'Pod',
    'container-restarted-after-back-off',
    [...endingAgain, isIn(waitingReason, 'CrashLoopBackOff')],
    { statusTemplate: restarted },
    delays.backOff,
  ),

  // The node controller marks the Pods of a silent node as not ready; the kubelet that is back says that they are.
  stage(
    'Pod',
    'node-is-back',
    [
      ...alive,
      isIn(condition('Ready'), 'False'),
      isIn(condition('ContainersReady'), 'True'),
      isAbsent('.spec.readinessGates'),
    ],
    { statusTemplate: `conditions:\n- { type: Ready, status: "True", lastTransitionTime: {{ Now | Quote }} }` },
    delays.nodeBack,
  ),

  stage('Pod', 'pod-deleted', [exists(isDeleted)], { delete: true }, delays.stop),

  // Empty stages: they take the place of a stage that was still waiting out its delay.
  stage('Pod', 'pod-ended', [isAbsent(isDeleted), isIn('.status.phase', 'Failed', 'Succeeded')], {}),
  stage('Pod', 'pod-left-alone', [isAbsent(isDeleted), exists(isManual)], {}),
];

const nodeStages = [
  stage('Node', 'node-ready', [isNotIn(condition('Ready'), 'True')], {
    statusTemplate: `
conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ Now | Quote }}
  lastTransitionTime: {{ Now | Quote }}
{{ end }}
phase: Running`,
  }),
];

const isLoadBalancer = isIn('.spec.type', 'LoadBalancer');
const hasFinalizer = `.metadata.finalizers[]? | select(. == "${loadBalancerFinalizer}")`;

const serviceStages = [
  stage('Service', 'load-balancer-kept', [isAbsent(isDeleted), isLoadBalancer, isAbsent(hasFinalizer)], {
    finalizers: { add: [{ value: loadBalancerFinalizer }] },
  }),
  // The address is the cluster IP moved to 198.18.0.0/15, which RFC 2544 reserves: unique, and used by nobody.
  stage(
    'Service',
    'load-balancer-address',
    [isAbsent(isDeleted), isLoadBalancer, exists(hasFinalizer), isAbsent('.status.loadBalancer.ingress[0]')],
    {
      statusTemplate: `loadBalancer: { ingress: [{ ip: {{ regexReplaceAll "^10\\\\.96\\\\." .spec.clusterIP "198.18." | Quote }}, ipMode: VIP }] }`,
    },
    delays.loadBalancerAddress,
  ),
  stage(
    'Service',
    'load-balancer-removed',
    [exists(isDeleted), exists(hasFinalizer)],
    { finalizers: { remove: [{ value: loadBalancerFinalizer }] } },
    delays.loadBalancerCleanup,
  ),
];

export const stages: readonly object[] = [...podStages, ...nodeStages, ...serviceStages];
