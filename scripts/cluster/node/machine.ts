/** What a real node needs of the machine that it runs on, and what of that is missing. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Programs that a node starts, by the Debian package that has them. */
const packages = {
  'busybox-static': ['busybox'],
  'containernetworking-plugins': ['bridge', 'host-local', 'loopback'],
  'docker-registry': ['docker-registry'],
  iproute2: ['ip'],
  mount: ['mount', 'umount'],
  nftables: ['nft'],
  runc: ['runc'],
  tar: ['tar'],
  'util-linux': ['nsenter', 'setpriv', 'unshare'],
} as const;

export type Program = (typeof packages)[keyof typeof packages][number];

/** Where Debian has programs of administrators, and the plugins of container networks. */
export const pluginFolder = '/usr/lib/cni';
const moreFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin', pluginFolder];

/** What PATH must be for programs that a node starts by name. */
export const searchPath = [...(process.env['PATH'] ?? '').split(delimiter), ...moreFolders].join(delimiter);

export interface Machine {
  platform: NodeJS.Platform;
  isRoot: boolean;
  /** Those that are installed. */
  programs: ReadonlyMap<Program, string>;
}

export function lookAtMachine(): Machine {
  const folders = searchPath.split(delimiter);
  const names: Program[] = Object.values(packages).flat();
  const found = names.flatMap((name) => {
    const path = folders.map((folder) => join(folder, name)).find((candidate) => existsSync(candidate));
    return path === undefined ? [] : [[name, path] as const];
  });
  return { platform: process.platform, isRoot: process.getuid?.() === 0, programs: new Map(found) };
}

/** One sentence that names everything that is missing; undefined where nothing is. */
export function describeMissing({ platform, isRoot, programs }: Machine): string | undefined {
  if (platform !== 'linux') return `a real node runs on Linux alone, and this is ${platform}`;
  const missing = Object.entries(packages)
    .filter(([, names]) => names.some((name) => !programs.has(name)))
    .map(([name]) => name);
  const parts = [
    ...(isRoot ? [] : ['root']),
    ...(missing.length === 0
      ? []
      : [`the Debian packages ${missing.join(' ')} (apt-get install ${missing.join(' ')})`]),
  ];
  return parts.length === 0 ? undefined : `a real node cannot run here without ${parts.join(' and ')}`;
}
