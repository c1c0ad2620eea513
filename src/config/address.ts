/** Addresses: the one to listen on, written as Go writes it, and those of other hosts. */
import { isIP, isIPv6 } from 'node:net';

export interface ListenAddress {
  /** Host name or IP address, without brackets; empty: every interface. */
  host: string;
  /** 0 to 65535; 0 lets the system choose one. */
  port: number;
}

const addressPattern = /^(?:\[(?<ipv6>[^\]]*)\]|(?<host>[^:[\]]*)):(?<port>\d{1,5})$/;
const hostPattern = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$/;

/** RFC 1123, section 2.1: what ends in a number is an IPv4 address or nothing. */
const hostNamePattern =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** The unspecified address, such as `0.0.0.0`. */
const unspecifiedPattern = /^[0.:]+$/;

/**
 * A host name or IP address at which others reach something, as it is written; undefined for anything else, and for an
 * IPv6 address with a zone, which means something on one machine alone.
 */
export function parseHost(text: string): string | undefined {
  const isHost = isIP(text) === 0 ? hostNamePattern.test(text) : !text.includes('%') && !unspecifiedPattern.test(text);
  return isHost ? text : undefined;
}

/** `:8080`, `host:8080`, `127.0.0.1:8080` or `[::1]:8080`; undefined for anything else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const parts = addressPattern.exec(text)?.groups;
  if (parts === undefined) return undefined;
  const port = Number(parts.port);
  if (port > 65_535) return undefined;
  if (parts.ipv6 !== undefined) return isIPv6(parts.ipv6) ? { host: parts.ipv6, port } : undefined;
  const host = parts.host ?? '';
  return host === '' || hostPattern.test(host) ? { host, port } : undefined;
}

/** The address as it stands in a URL or a log line. */
export function formatAddress({ address, port }: { address: string; port: number }): string {
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}
