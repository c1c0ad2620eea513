/** Lines to a file descriptor, for a writer who must neither wait for them nor fail with them. */
import { constants, fstatSync, openSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { isatty } from 'node:tty';

/**
 * How long lines are gathered before they are written together, in milliseconds: a write of its own for every request's
 * line costs more than the line.
 */
const gatheringMs = 5;
/** How far apart two writes are while lines keep coming, in milliseconds: who reads along sees no difference. */
const writesApartMs = 50;
/** How long a descriptor that takes nothing now is left alone. */
const retryMs = 50;
const newline = 0x0a;

export interface LineOutputOptions {
  fd: number;
  /** What is kept while the descriptor takes nothing, in bytes; past that, lines are lost. */
  maxBufferedBytes: number;
  /** Told how many lines were lost once a line was written again. */
  onLost: (lines: number) => void;
}

/**
 * Writes asynchronously, one write at a time. Lines that the descriptor refuses (a closed pipe, a full disk) are lost,
 * not tried again; each later line is an attempt of its own, so that output goes on once there is room.
 */
export class LineOutput {
  readonly #options: LineOutputOptions;
  readonly #write: Write;
  #waiting: string[] = [];
  #bufferedBytes = 0;
  #writing = false;
  /** Ends the gathering that goes on; absent: none does. */
  #gathering: NodeJS.Timeout | undefined;
  /** By the monotonic clock. */
  #wroteAt = -Infinity;
  /** What was written last is the beginning of a line whose rest was refused. */
  #midLine = false;
  #lost = 0;
  #idle = Promise.withResolvers<undefined>();

  constructor(options: LineOutputOptions) {
    this.#options = options;
    this.#write = writerTo(options.fd);
  }

  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#bufferedBytes + bytes > this.#options.maxBufferedBytes) {
      this.#lost += 1;
      return;
    }
    this.#bufferedBytes += bytes;
    this.#waiting.push(line);
    if (!this.#writing) this.#gather();
  }

  /** Resolves when nothing waits to be written; never, while the descriptor takes nothing. */
  async flush(): Promise<void> {
    if (this.#gathering !== undefined) this.#writeWaiting();
    if (this.#writing) await this.#idle.promise;
  }

  #gather(): void {
    this.#writing = true;
    const ms = Math.max(gatheringMs, this.#wroteAt + writesApartMs - performance.now());
    this.#gathering = setTimeout(() => this.#writeWaiting(), ms);
  }

  #writeWaiting(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#wroteAt = performance.now();
    const lines = this.#waiting;
    this.#waiting = [];
    if (this.#midLine) this.#bufferedBytes += 1;
    this.#writeChunk(Buffer.from((this.#midLine ? '\n' : '') + lines.join('')), lines.length);
  }

  #writeChunk(chunk: Buffer, lines: number): void {
    this.#write(chunk, (error, written) => {
      if (error?.code === 'EAGAIN' || error?.code === 'EBUSY') {
        setTimeout(() => this.#writeChunk(chunk, lines), retryMs);
      } else if (error !== null) {
        this.#lost += lines;
        this.#finishChunk(chunk.length);
      } else if (written < chunk.length) {
        this.#bufferedBytes -= written;
        if (written > 0) this.#midLine = chunk[written - 1] !== newline;
        this.#writeChunk(chunk.subarray(written), lines);
      } else {
        this.#midLine = false;
        this.#finishChunk(chunk.length);
        this.#reportLost();
      }
    });
  }

  #finishChunk(bytes: number): void {
    this.#bufferedBytes -= bytes;
    if (this.#waiting.length > 0) {
      this.#gather();
      return;
    }
    this.#writing = false;
    this.#idle.resolve(undefined);
    this.#idle = Promise.withResolvers();
  }

  #reportLost(): void {
    const lost = this.#lost;
    if (lost === 0) return;
    this.#lost = 0;
    this.#options.onLost(lost);
  }
}

/** One write, of which part may be done; the callback is not called for as long as the other side takes nothing. */
type Write = (chunk: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void) => void;

function writerTo(fd: number): Write {
  const socket = openSocket(fd);
  if (socket === undefined) return (chunk, done) => write(fd, chunk, done);
  return (chunk, done) => socket.write(chunk, (error) => done(error ?? null, error ? 0 : chunk.length));
}

/** A socket cannot be opened again, as a pipe can: Node's own makes its writes non-blocking. Absent for all that is none. */
function openSocket(fd: number): Socket | undefined {
  try {
    if (!fstatSync(fd).isSocket()) return undefined;
    const socket = new OutputSocket({ fd, readable: false });
    // Each write tells of it too.
    socket.on('error', () => undefined);
    return socket;
  } catch {
    return undefined;
  }
}

/** Stays open when a write fails: the number of a standard descriptor that is closed would go to the next file opened. */
class OutputSocket extends Socket {
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error);
  }
}

/**
 * A descriptor of the same pipe or terminal whose writes never block, so that a reader who has stopped reading cannot hold
 * up the exit of the process, which waits for writes under way. What is neither, or cannot be opened again, stays as it is.
 */
export function openNonBlocking(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO() && !isatty(fd)) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}
