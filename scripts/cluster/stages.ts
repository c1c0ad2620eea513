/**
 * What KWOK plays in place of kubelets and of a cloud: one stage is one step in the life of an object, taken when the
 * selector matches, after the delay. The templates are Go templates that yield YAML.
 *
 * The name of a Pod's first image steers it, as in the sandbox. Further containers run, unless their image is `missing`.
 *
 * KWOK sees nothing but the Pod: Secrets and ConfigMaps named `missing` are played as not there, all others as there, and a
 * pull, of which a Pod has no count, is tried again after the same time.
 */
import { manualAnnotation, olderKubeletTag, playedSpeed } from '../kubelet/images.ts';
import {
  backOffSeconds,
  crashLoopMessage,
  durationText,
  invalidImageMessage,
  manifestOf,
  neverStarted,
  pullBackOffMessage,
  pullErrors,
  startError,
} from '../kubelet/words.ts';

export { manualAnnotation };

/** Nodes with this label are kept alive by KWOK; one that loses it falls silent, as a machine does that is unplugged. */
export const managedNodeLabel = 'control-plane.test/managed';

export const loadBalancerFinalizer = 'service.kubernetes.io/load-balancer-cleanup';

/** Milliseconds; the back-offs of crash loops and the failing of probes are those of a kubelet, by `playedSpeed`. */
const delays = {
  start: 700,
  slowStart: 10_000,
  crash: 1_000,
  /** How long is seen what a kubelet passes through. */
  glimpse: 100,
  pullToBackOff: 10_000 / playedSpeed,
  pullAgain: 20_000 / playedSpeed,
  stop: 300,
  stubbornStop: 30_000 / playedSpeed,
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

/** A jq expression on the object, to a number of seconds as a kubelet has them. */
interface Seconds {
  secondsFrom: string;
}

/** @param delay - milliseconds, or what a kubelet would wait */
function stage(
  kind: Kind,
  name: string,
  matchExpressions: Condition[],
  next: Next,
  delay: number | Seconds = 0,
): object {
  return {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name },
    spec: {
      resourceRef: { apiGroup: 'v1', kind },
      selector: { matchExpressions },
      delay:
        typeof delay === 'number'
          ? { durationMilliseconds: delay }
          : { durationFrom: { jq: { expression: `(${delay.secondsFrom}) / ${playedSpeed} | "\\(.)s"` } } },
      next,
    },
  };
}

const isIn = (key: string, ...values: string[]): Condition => ({ key, operator: 'In', values });
const isNotIn = (key: string, ...values: string[]): Condition => ({ key, operator: 'NotIn', values });
const exists = (key: string): Condition => ({ key, operator: 'Exists' });
const isAbsent = (key: string): Condition => ({ key, operator: 'DoesNotExist' });

const condition = (type: string): string => `.status.conditions[]? | select(.type == "${type}") | .status`;

const untagged = '(.spec.containers[0].image | sub("@.*$"; "") | sub(":[^:/]*$"; ""))';
const pathOfImage = `(${untagged} | sub("^[^/]*[.:][^/]*/"; ""))`;
const named = (...paths: string[]): string => paths.map((path) => `${path} == "missing"`).join(' or ');

/** What becomes of the Pod: the name of its image, unless something else decides. A word; empty for none. */
const fate = `${pathOfImage} as $path | ($path | split("/") | last) as $image | .spec.containers[0] as $container
| if any(.spec.volumes[]?; ${named('.secret.secretName', '.configMap.name')}) then "unmountable"
  elif $path != ($path | ascii_downcase) then "invalid"
  elif $image == "private" and (.spec.imagePullSecrets | length) > 0 then "web"
  elif ($image | IN("missing", "private", "unreachable")) then $image
  elif any($container.envFrom[]?; ${named('.secretRef.name', '.configMapRef.name')}) then "unconfigured"
  elif $image == "unready" and $container.startupProbe != null then "unstarted"
  elif $image == "unready" and $container.readinessProbe == null then "web"
  elif $image == "unhealthy" and $container.livenessProbe == null then "web"
  else $image end`;
const isOlderKubelet = `.spec.containers[0].image | endswith(":${olderKubeletTag}") | tostring`;
const tries = (fewer: number): string =>
  `${JSON.stringify(backOffSeconds)}[[.status.containerStatuses[0].restartCount - ${1 + fewer}, ${backOffSeconds.length - 1}] | min]`;
const backOff: Seconds = { secondsFrom: tries(0) };
/** A probe's restart belongs to the same look at the Pod: the back-off begins one later. */
const backOffOfProbe: Seconds = { secondsFrom: tries(1) };
const probeFailure: Seconds = {
  secondsFrom: `.spec.containers[0] | if .startupProbe != null then .startupProbe else .livenessProbe end
    | (.initialDelaySeconds // 0) + (.periodSeconds // 10) * (.failureThreshold // 3)`,
};
const waitingReason = '.status.containerStatuses[0].state.waiting.reason';
const terminated = '.status.containerStatuses[0].state.terminated';
const isRunning = exists('.status.containerStatuses[0].state.running');
const restartCount = '.status.containerStatuses[0].restartCount | tostring';
const isManual = `.metadata.annotations["${manualAnnotation}"]`;
const isDeleted = '.metadata.deletionTimestamp';

/** Go template expressions on a container. */
const anyImage = '{{ $container.image }}';
const anyManifest = `{{ regexReplaceAll \`${manifestOf.find}\` $container.image \`${manifestOf.replacement}\` }}`;

/** A Go template string: a regular expression for images of this name. */
const imageNamed = (name: string): string => `\`(^|/)${name}([:@].*)?$\``;

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
  options: {
    ready?: boolean;
    started?: boolean;
    restarts?: string;
    lastState?: string;
    others?: string;
  } = {},
): string {
  const { ready = false } = options;
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
  ready: ${String(ready)}
  started: ${String(options.started ?? ready)}
  restartCount: ${options.restarts ?? '{{ $old.restartCount | default 0 }}'}
  state: ${state}
  lastState: ${options.lastState ?? '{{ $old.lastState | default dict | toJson }}'}
{{ else if regexMatch ${imageNamed('missing')} $container.image }}
- name: {{ $container.name | Quote }}
  image: {{ $container.image | Quote }}
  imageID: ""
  ready: false
  started: false
  restartCount: 0
  state: ${waitingState('ImagePullBackOff', pullBackOffMessage(anyImage, pullErrors.missing(anyImage)))}
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
/** What its probe made of a run: the process ended when it was told to, and nobody saw it terminated. */
const endByProbe =
  '{ terminated: { exitCode: 0, reason: Completed, startedAt: {{ (index $old.state "running").startedAt | Quote }}, finishedAt: {{ $now | Quote }} } }';
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
const firstStart = (ready: boolean, statuses: string): string => `
{{ $phase := "Running" }}
{{ range $index, $container := .spec.containers }}
{{ if and (gt $index 0) (regexMatch ${imageNamed('missing')} $container.image) }}{{ $phase = "Pending" }}{{ end }}
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
${statuses}`;

interface Health {
  ready: boolean;
  started: boolean;
}
const healthy: Health = { ready: true, started: true };
const unready: Health = { ready: false, started: true };
const unstarted: Health = { ready: false, started: false };

const started = (health: Health): string => firstStart(health.ready, containerStatuses(runningState, health));

const restarted = (lastState: string, { ready, started }: Health = healthy): string => `
conditions:
${readiness(ready)}
${containerStatuses(runningState, { ready, started, restarts: oneMoreRestart, lastState })}`;

function exited(exitCode: number, reason: string): string {
  const times = 'startedAt: {{ (index $old.state "running").startedAt | Quote }}, finishedAt: {{ $now | Quote }}';
  return `
conditions:
${readiness(false)}
${containerStatuses(`{ terminated: { exitCode: ${exitCode}, reason: ${reason}, ${times} } }`)}`;
}

/** @param fewer - restarts that came without a back-off, beyond the first */
function backsOff(fewer: number, lastState: string): string {
  const texts = backOffSeconds.map((seconds) => `\`${durationText(seconds)}\``).join(' ');
  const last = backOffSeconds.length - 1;
  const backOff = `{{ index (list ${texts}) (int (min ${last} (sub (int64 $old.restartCount) ${1 + fewer}))) }}`;
  const { name, namespace, uid } = {
    name: '{{ $.metadata.name }}',
    namespace: '{{ $.metadata.namespace }}',
    uid: '{{ $.metadata.uid }}',
  };
  const message = crashLoopMessage(backOff, '{{ $container.name }}', { name, namespace, uid });
  return containerStatuses(waitingState('CrashLoopBackOff', message), { lastState });
}

const startFails = (restarts?: string): string =>
  containerStatuses(waitingState('RunContainerError', startError.message), {
    lastState: `{ terminated: { ${JSON.stringify(startError).slice(1, -1)}, finishedAt: {{ $now | Quote }} } }`,
    ...(restarts !== undefined && { restarts }),
  });

const configFails = `
{{ $kind := "configmap" }}
{{ range (index .spec.containers 0).envFrom }}
{{ if hasKey . "secretRef" }}{{ if eq .secretRef.name "missing" }}{{ $kind = "secret" }}{{ end }}{{ end }}
{{ end }}
${containerStatuses('{ waiting: { reason: CreateContainerConfigError, message: \'{{ $kind }} "missing" not found\' } }')}`;

const imageRefused = containerStatuses(
  waitingState(
    'InvalidImageName',
    invalidImageMessage(anyImage, '{{ regexReplaceAll `^[^/]*[.:][^/]*/|(:[^/:]*)?(@.*)?$` $container.image `` }}'),
  ),
);

const pullError =
  `{{ if regexMatch ${imageNamed('private')} $container.image }}${pullErrors.private(anyImage)}` +
  `{{ else if regexMatch ${imageNamed('unreachable')} $container.image }}${pullErrors.unreachable(anyImage, anyManifest)}` +
  `{{ else }}${pullErrors.missing(anyImage)}{{ end }}`;
const pullFails = containerStatuses(waitingState('ErrImagePull', pullError), { lastState: lastEnd });
const pullBacksOff = containerStatuses(waitingState('ImagePullBackOff', pullBackOffMessage(anyImage, pullError)));

/** All containers of a Pod that was deleted have ended, each as its last run did, or as one that is told to end does. */
const ended = `
{{ $now := Now }}
{{ $failed := false }}
containerStatuses:
{{ range .status.containerStatuses }}
{{ $state := .state | default dict }}
{{ $last := .lastState | default dict }}
{{ $end := fromJson \`${JSON.stringify(neverStarted)}\` }}
{{ if hasKey $state "running" }}
{{ $end = dict "exitCode" 0 "reason" "Completed" }}
{{ if regexMatch ${imageNamed('stubborn')} .image }}{{ $end = dict "exitCode" 137 "reason" "Error" }}{{ end }}
{{ $end = set (set $end "startedAt" $state.running.startedAt) "finishedAt" $now }}
{{ else if hasKey $state "terminated" }}
{{ $end = $state.terminated }}
{{ else if hasKey $last "terminated" }}
{{ $end = $last.terminated }}
{{ end }}
{{ if ne (toString $end.exitCode) "0" }}{{ $failed = true }}{{ end }}
- {{ set (set (set (deepCopy .) "ready" false) "started" false) "state" (dict "terminated" $end) | toJson }}
{{ end }}
phase: {{ ternary "Failed" "Succeeded" $failed }}
{{ $reason := ternary "PodFailed" "PodCompleted" $failed }}
conditions:
- { type: Ready, lastTransitionTime: {{ $now | Quote }}, status: "False", reason: {{ $reason }}, message: null }
- { type: ContainersReady, lastTransitionTime: {{ $now | Quote }}, status: "False", reason: {{ $reason }}, message: null }`;

/** A Pod that KWOK looks after: the stages below are for these alone. */
const alive = [isAbsent(isDeleted), isAbsent(isManual), isNotIn('.status.phase', 'Failed', 'Succeeded')];
const creating = [...alive, isIn(waitingReason, 'ContainerCreating')];
const unpullable = ['missing', 'private', 'unreachable'];
/** Those that do not simply run after a moment. */
const special = [...unpullable, 'slow', 'unready', 'unstarted', 'unmountable', 'unconfigured', 'invalid', 'nocommand'];
const ending = [...alive, isIn(fate, 'crash', 'done', 'gone')];
const endingAgain = [...alive, isIn(fate, 'crash', 'done')];
const isBackingOff = isIn(waitingReason, 'CrashLoopBackOff');

/**
 * A crash loop in both ways in which kubelets show one: since 1.35 what happened stands through the back-off, and then the
 * back-off for a moment; up to 1.34 the other way round.
 *
 * @param happened - that a run has ended, or could not begin
 */
function loopStages(what: string, among: Condition[], happened: Condition, again: string): object[] {
  const later = isNotIn(restartCount, '0');
  const backOffStatus = { statusTemplate: backsOff(0, lastEnd) };
  const next = { statusTemplate: again };
  const older = isIn(isOlderKubelet, 'true');
  const newer = isIn(isOlderKubelet, 'false');
  return [
    stage('Pod', `${what}-again-at-once`, [...among, happened, isIn(restartCount, '0')], next, delays.glimpse),
    stage('Pod', `${what}-backs-off`, [...among, happened, later, newer], backOffStatus, backOff),
    stage('Pod', `${what}-backs-off-at-once`, [...among, happened, later, older], backOffStatus, delays.glimpse),
    stage('Pod', `${what}-again`, [...among, isBackingOff, newer], next, delays.glimpse),
    stage('Pod', `${what}-again-after-back-off`, [...among, isBackingOff, older], next, backOff),
  ];
}

/** A probe that never passes: two restarts at once, then back-offs, and never an end that is seen. */
function probeStages(what: string, health: Health): object[] {
  const among = [...alive, isIn(fate, what)];
  const atOnce = ['0', '1'];
  const backOffStatus = `conditions:\n${readiness(false)}\n${backsOff(1, endByProbe)}`;
  return [
    stage(
      'Pod',
      `${what}-restarted-at-once`,
      [...among, isRunning, isIn(restartCount, ...atOnce)],
      { statusTemplate: restarted(endByProbe, health) },
      probeFailure,
    ),
    stage(
      'Pod',
      `${what}-backs-off`,
      [...among, isRunning, isNotIn(restartCount, ...atOnce)],
      { statusTemplate: backOffStatus },
      probeFailure,
    ),
    stage(
      'Pod',
      `${what}-restarted`,
      [...among, isBackingOff],
      { statusTemplate: restarted(lastEnd, health) },
      backOffOfProbe,
    ),
  ];
}

/** Whether a Pod that was deleted has yet to say how its containers ended. */
const hasToEnd = `(${isManual} == null and .status.containerStatuses != null
  and (.status.phase | IN("Failed", "Succeeded") | not)) | tostring`;

const podStages = [
  stage('Pod', 'pod-created', [...alive, isAbsent('.status.containerStatuses')], { statusTemplate: created }),
  stage(
    'Pod',
    'pod-started',
    [...creating, isNotIn(fate, ...special)],
    { statusTemplate: started(healthy) },
    delays.start,
  ),
  stage(
    'Pod',
    'pod-started-slowly',
    [...creating, isIn(fate, 'slow')],
    { statusTemplate: started(healthy) },
    delays.slowStart,
  ),
  stage(
    'Pod',
    'pod-started-unready',
    [...creating, isIn(fate, 'unready')],
    { statusTemplate: started(unready) },
    delays.start,
  ),
  stage(
    'Pod',
    'pod-started-unstarted',
    [...creating, isIn(fate, 'unstarted')],
    { statusTemplate: started(unstarted) },
    delays.start,
  ),
  stage(
    'Pod',
    'start-failed',
    [...creating, isIn(fate, 'nocommand')],
    { statusTemplate: firstStart(false, startFails()) },
    delays.start,
  ),
  stage(
    'Pod',
    'configuration-missing',
    [...creating, isIn(fate, 'unconfigured')],
    { statusTemplate: configFails },
    delays.start,
  ),
  stage('Pod', 'image-refused', [...creating, isIn(fate, 'invalid')], { statusTemplate: imageRefused }, delays.start),
  stage('Pod', 'pull-failed', [...creating, isIn(fate, ...unpullable)], { statusTemplate: pullFails }, delays.start),
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
    delays.glimpse,
  ),
  ...loopStages('container-restarted', endingAgain, exists(terminated), restarted(lastEnd)),
  ...loopStages(
    'start-failed',
    [...alive, isIn(fate, 'nocommand')],
    isIn(waitingReason, 'RunContainerError'),
    startFails(oneMoreRestart),
  ),
  ...probeStages('unhealthy', healthy),
  ...probeStages('unstarted', unstarted),

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

  stage(
    'Pod',
    'pod-told-to-end',
    [exists(isDeleted), isIn(hasToEnd, 'true'), isNotIn(fate, 'stubborn')],
    { statusTemplate: ended },
    delays.stop,
  ),
  stage(
    'Pod',
    'pod-killed',
    [exists(isDeleted), isIn(hasToEnd, 'true'), isIn(fate, 'stubborn')],
    { statusTemplate: ended },
    delays.stubbornStop,
  ),
  stage('Pod', 'pod-deleted', [exists(isDeleted), isIn(hasToEnd, 'false')], { delete: true }, delays.glimpse),

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
