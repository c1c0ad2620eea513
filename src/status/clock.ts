/** Time as the status events use it, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch, comparable with the cluster's times. */
  now(): number;
  /** Milliseconds since some start: never goes back, whatever happens to the system's time. */
  elapsed(): number;
  /** Calls back once after `ms` milliseconds, at most about 24 days. Returns the function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), maxTimerMs));
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms` milliseconds, or as soon as the signal is aborted; never rejects. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = () => {
      cancel();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const cancel = clock.after(ms, end);
    signal.addEventListener('abort', end);
  });
}
