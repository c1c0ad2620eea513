/** Where the sandbox's provider listens. */
import { formatAddress, parseListenAddress } from '../../src/config/address.ts';
import { findFreePort, isFree } from '../free-port.ts';

export interface ProviderAddress {
  /** As `SP_SERVER_ADDRESS` takes it. */
  listen: string;
  /** URL at which this machine reaches it. */
  url: string;
  /** The port that was wanted and is taken; absent where the wanted one is used. */
  takenPort?: number;
}

const defaultPort = 8080;

/** @param configured - the value of `SP_SERVER_ADDRESS`, kept but for a port of 0; absent: 127.0.0.1:8080 or another port */
export async function chooseAddress(configured: string | undefined, usualPort = defaultPort): Promise<ProviderAddress> {
  if (configured === undefined) {
    const port = (await isFree(usualPort)) ? usualPort : await findFreePort();
    const address = `127.0.0.1:${port}`;
    return { listen: address, url: `http://${address}`, ...(port !== usualPort && { takenPort: usualPort }) };
  }
  // What is no address is the provider's to refuse.
  const { host, port } = parseListenAddress(configured) ?? { host: '', port: defaultPort };
  const certainPort = port === 0 ? await findFreePort() : port;
  const everyInterface = ['', '0.0.0.0', '::'].includes(host);
  return {
    listen: port === 0 ? formatAddress({ address: host, port: certainPort }) : configured,
    url: `http://${formatAddress({ address: everyInterface ? '127.0.0.1' : host, port: certainPort })}`,
  };
}
