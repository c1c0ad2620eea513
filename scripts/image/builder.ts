/** Debian's buildah, with images of its own: those of who runs this are neither used nor replaced. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { runStep } from './step.ts';

export interface ImageConfiguration {
  /** `NAME=value`. */
  Env: string[];
  Cmd: string[];
  /** `uid:gid`. */
  User: string;
  WorkingDir: string;
  Labels?: Record<string, string>;
}

export interface ImageDescription {
  configuration: ImageConfiguration;
  /** In bytes, as they are unpacked, the base's first. */
  layers: number[];
}

interface Inspection {
  OCIv1: { config: ImageConfiguration };
  /** JSON. */
  Manifest: string;
}

const storage = join(import.meta.dirname, '../../.cache/image/storage');

/** @returns its standard output. Waits `seconds` for it, 60 when absent. */
export function buildah(name: string, commandLine: readonly string[], seconds = 60): Promise<string> {
  mkdirSync(storage, { recursive: true });
  const where = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run')];
  return runStep({ name, seconds, command: 'buildah', commandLine: [...where, ...commandLine] });
}

/** Undefined where there is no image of that name. */
export async function describeImage(image: string): Promise<ImageDescription | undefined> {
  const images = await buildah('list images', ['images', '--json']);
  const known = JSON.parse(images) as { names?: string[] | null }[];
  if (!known.some(({ names }) => names?.includes(image))) return undefined;
  const text = await buildah(`inspect ${image}`, ['inspect', '--type', 'image', image]);
  const { OCIv1, Manifest } = JSON.parse(text) as Inspection;
  const { layers } = JSON.parse(Manifest) as { layers: { size: number }[] };
  return { configuration: OCIv1.config, layers: layers.map(({ size }) => size) };
}

/** A container of an image, as a folder, until it is disposed of. */
export async function mountImage(image: string): Promise<AsyncDisposable & { root: string }> {
  const container = (await buildah('make a container', ['from', '--pull-never', image])).trim();
  const remove = async (): Promise<void> => {
    await buildah('remove the container', ['rm', container]);
  };
  try {
    const root = (await buildah('mount it', ['mount', container])).trim();
    return { root, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    throw error;
  }
}
