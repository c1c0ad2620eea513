/** containerd, its shim, and a runc that leaves memory alone, built with Go from the module in containerd/. */
import { join } from 'node:path';
import { buildOnce, goBuild } from '../../go/build-once.ts';

export interface ContainerdBinaries {
  /** Folder with containerd and the shim that it starts, which it looks for in PATH. */
  folder: string;
  containerd: string;
  /** Runs the runc that SP_NODE_RUNC names, without limits of memory. */
  runcWithoutMemory: string;
}

const moduleFolder = join(import.meta.dirname, 'containerd');
const commands = 'github.com/containerd/containerd/v2/cmd';
/** Storage and tracing that no node here uses. */
const tags = ['no_btrfs', 'no_zfs', 'no_devmapper', 'no_aufs', 'no_tracing', 'netgo', 'osusergo'];

export async function findContainerd(): Promise<ContainerdBinaries> {
  const folder = await buildOnce({
    name: 'node',
    moduleFolder,
    versionOf: 'github.com/containerd/containerd/v2',
    describe: (version) => `containerd ${version}`,
    build: async (output) => {
      for (const name of ['containerd', 'containerd-shim-runc-v2'])
        await goBuild(moduleFolder, `${commands}/${name}`, join(output, name), { tags });
      await goBuild(moduleFolder, '.', join(output, 'runc-without-memory'));
    },
  });
  return {
    folder,
    containerd: join(folder, 'containerd'),
    runcWithoutMemory: join(folder, 'runc-without-memory'),
  };
}
