/** The address to listen on, written as Go writes it. */
import { isIPv6 } from 'node:net';

export interface ListenAddress {
  /** Host name or IP address, without brackets; empty: every interface. */
  host: string;
  /** 0 to 65535; 0 lets the system choose one. */
  port: number;
}

const ADDRESS = /^(?:\[(?<ipv6>[^\]]*)\]|(?<host>[^:[\]]*)):(?<port>\d{1,5})$/;
const HOST = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/;

/** `:8080`, `host:8080`, `127.0.0.1:8080` or `[::1]:8080`; undefined for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const parts = ADDRESS.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const port = Number(parts.port);
  if (port > 65_535) return undefined;
  if (parts.ipv6 !== undefined) return isIPv6(parts.ipv6) ? { host: parts.ipv6, port } : undefined;
  const host = parts.host ?? '';
  return host === '' || HOST.test(host) ? { host, port } : undefined;
}

/** The address as it stands in a URL or a log line. */
export function formatAddress({ address, port }: { address: string; port: number }): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
