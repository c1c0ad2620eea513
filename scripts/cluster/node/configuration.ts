/** The configuration of what a real node runs, each as a value; JSON where its reader takes YAML. */
import { join } from 'node:path';

/** Addresses of a node's own network, which one link joins to the machine's. */
export const network = {
  /** The machine's end of the link. */
  hostLink: 'dcm-node',
  hostAddress: '10.245.77.1',
  nodeAddress: '10.245.77.2',
  prefixLength: 30,
  pods: '10.244.77.0/24',
  services: '10.96.0.0/16',
} as const;

/** The registry that a node pulls images from, as references begin with it. */
export const registryHost = `${network.nodeAddress}:5000`;
export const sandboxImage = `${registryHost}/pause:1`;

export const kubeletPort = 10_250;
const healthPort = 10_248;
export const kubeletHealthUrl = `http://${network.nodeAddress}:${healthPort}/healthz`;
export const proxyHealthUrl = `http://${network.nodeAddress}:10256/livez`;

export function containerdSocket(folder: string): string {
  return join(folder, 'containerd.sock');
}

export interface ContainerdSettings {
  folder: string;
  runc: string;
  pluginFolder: string;
  networkFolder: string;
  registriesFolder: string;
}

/** TOML, whose strings JSON's are. */
export function containerdConfiguration(settings: ContainerdSettings): string {
  const { folder, runc, pluginFolder, networkFolder, registriesFolder } = settings;
  const text = JSON.stringify;
  const unused = [
    'io.containerd.nri.v1.nri',
    'io.containerd.snapshotter.v1.blockfile',
    'io.containerd.snapshotter.v1.erofs',
  ];
  return `version = 3
root = ${text(join(folder, 'containerd'))}
state = ${text(join(folder, 'containerd-state'))}
disabled_plugins = ${text(unused)}

[grpc]
  address = ${text(containerdSocket(folder))}
[ttrpc]
  address = ${text(`${containerdSocket(folder)}.ttrpc`)}

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = ${text(sandboxImage)}
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = ${text(registriesFolder)}

[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE nobody can give a process a better chance to outlive a lack of memory than he has.
  restrict_oom_score_adj = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  netns_mounts_under_state_dir = true
[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = 'runc'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = ${text(runc)}
  SystemdCgroup = false
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = [${text(pluginFolder)}]
  conf_dir = ${text(networkFolder)}
`;
}

/** What containerd reads about a registry that does not speak TLS. */
export function plainHttp(registry: string): string {
  return `server = "http://${registry}"\n`;
}

export function registryConfiguration(folder: string): object {
  return {
    version: '0.1',
    log: { level: 'warn' },
    storage: { filesystem: { rootdirectory: join(folder, 'registry') }, delete: { enabled: true } },
    http: { addr: registryHost },
  };
}

export function podNetwork(folder: string): object {
  return {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'pods',
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: join(folder, 'cni'),
          ranges: [[{ subnet: network.pods }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
    ],
  };
}

export interface KubeletSettings {
  folder: string;
  authorityFile: string;
  /** Thresholds of hard eviction that replace ours, e.g. `{ 'nodefs.available': '60%' }`. */
  evictionHard?: Readonly<Record<string, string>>;
}

/** Its lease is renewed each two seconds, so that a lost node shows soon. */
export function kubeletConfiguration({ folder, authorityFile, evictionHard }: KubeletSettings): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    containerRuntimeEndpoint: `unix://${containerdSocket(folder)}`,
    address: network.nodeAddress,
    port: kubeletPort,
    readOnlyPort: 0,
    healthzBindAddress: network.nodeAddress,
    healthzPort: healthPort,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: authorityFile },
    },
    authorization: { mode: 'AlwaysAllow' },
    podLogsDir: '/var/log/pods',
    volumePluginDir: join(folder, 'plugins'),
    resolvConf: join(folder, 'resolv.conf'),
    makeIPTablesUtilChains: false,
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%', ...evictionHard },
    evictionPressureTransitionPeriod: '20s',
    nodeLeaseDurationSeconds: 8,
    nodeStatusUpdateFrequency: '2s',
  };
}

/** Settings of the kernel's connection tracking are left as they are. */
export function proxyConfiguration(kubeconfig: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'nftables',
    clientConnection: { kubeconfig },
    bindAddress: network.nodeAddress,
    healthzBindAddress: `${network.nodeAddress}:10256`,
    metricsBindAddress: `${network.nodeAddress}:10249`,
    clusterCIDR: network.pods,
    detectLocalMode: 'ClusterCIDR',
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    nftables: { minSyncPeriod: '0s', syncPeriod: '30s' },
  };
}
