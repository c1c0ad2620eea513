/**
 * What Node runs the built service with: package.json's `start` and the Containerfile say the same. A small young generation
 * keeps memory low under load, and objects that served a request are not allocated among those that stay.
 */
export const nodeOptions = ['--max-semi-space-size=4', '--no-allocation-site-pretenuring'];
