/** Time as a part of the service uses it, so that tests can move it. */
export interface Clock {
  /** Milliseconds since the epoch, comparable with the cluster's times. */
  now(): number;
  /** Milliseconds since some start: never goes back, whatever happens to the system's time. */
  elapsed(): number;
  /** Calls back once after `ms` milliseconds, at most `maxTimerMs`. Returns the function that cancels it. */
  after(ms: number, callback: () => void): () => void;
}

/** One moment, by both of a clock's measures. */
export interface Moment {
  /** Milliseconds since the epoch. */
  now: number;
  /** Milliseconds of the monotonic clock. */
  elapsed: number;
}

export function momentOf(clock: Pick<Clock, 'now' | 'elapsed'>): Moment {
  return { now: clock.now(), elapsed: clock.elapsed() };
}

/** The longest time that a Node timer can wait, in milliseconds: a longer one would fire at once. */
export const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(ms, 0), maxTimerMs));
    return () => clearTimeout(timer);
  },
};
