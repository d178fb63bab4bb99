import { Buffer } from "node:buffer";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type PeerCertificate } from "node:tls";
import { withDeadline } from "../core/mod.ts";
import type { ProxySettings } from "./proxy.ts";

const MAX_HEAD_BYTES = 8192;
const MAX_NAMES = 50;
const MAX_CHAIN = 10;

/** What a server shows of itself in TLS, whether it is believed or not. */
export interface Peer {
  readonly protocol: string;
  readonly subject: string;
  /** Host names and addresses that the certificate is for. */
  readonly names: readonly string[];
  readonly issuer: string;
  readonly validFrom: string;
  readonly validTo: string;
  /** Subjects, the server's own first. */
  readonly chain: readonly string[];
  readonly fingerprint: string;
}

/**
 * Connects to an address.
 *
 * @returns How long it took, in milliseconds.
 * @throws whatever `node:net` says, or `timeout`.
 */
export async function connectTime(host: string, port: number, ms: number): Promise<number> {
  const began = performance.now();
  (await tcp(host, port, ms)).destroy();
  return performance.now() - began;
}

/**
 * Asks a server for its certificate, which is not judged here.
 *
 * @param proxy An HTTP proxy on the way; SOCKS is not spoken here.
 */
export async function askPeer(url: URL, proxy: ProxySettings | undefined, ms: number) {
  const port = Number(url.port || 443);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const socket = proxy === undefined
    ? await tcp(host, port, ms)
    : await tunnel(proxy, `${url.hostname}:${port}`, ms);
  try {
    return await withDeadline(`waiting for ${url.host} to speak TLS`, ms, async () => {
      const { promise, resolve, reject } = Promise.withResolvers<Peer>();
      const tls = connectTls({
        socket,
        rejectUnauthorized: false,
        ...(isIP(host) === 0 && { servername: host }),
      }, () => {
        const protocol = tls.getProtocol() ?? "TLS";
        resolve(peerOf(protocol, tls.getPeerCertificate(true)));
        tls.destroy();
      });
      tls.on("error", reject);
      return await promise;
    });
  } finally {
    socket.destroy();
  }
}

async function tcp(host: string, port: number, ms: number): Promise<Socket> {
  const socket = connectTcp({ host, port });
  try {
    return await withDeadline(`waiting for ${host} port ${port}`, ms, () => {
      const { promise, resolve, reject } = Promise.withResolvers<Socket>();
      socket.once("connect", () => resolve(socket)).once("error", reject);
      return promise;
    });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function tunnel(proxy: ProxySettings, target: string, ms: number): Promise<Socket> {
  const { hostname, port, protocol } = new URL(proxy.url);
  if (protocol !== "http:") throw new Error(`no certificate is looked at behind ${protocol}//`);
  const socket = await tcp(hostname.replace(/^\[|\]$/g, ""), Number(port || 80), ms);
  const { login } = proxy;
  const authorization = login === undefined
    ? ""
    : `Proxy-Authorization: Basic ${
      Buffer.from(`${login.username}:${login.password}`).toString("base64")
    }\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${authorization}\r\n`);
  return await withDeadline(`waiting for the proxy ${proxy.shown}`, ms, () => {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>();
    let head = "";
    const onData = (data: Uint8Array) => {
      head += new TextDecoder("latin1").decode(data);
      if (!head.includes("\r\n\r\n") && head.length < MAX_HEAD_BYTES) return;
      socket.off("data", onData);
      const status = /^HTTP\/1\.\d (\d{3})/.exec(head)?.[1];
      if (status === "200") resolve(socket);
      else reject(new Error(`the proxy ${proxy.shown} answered ${status ?? "something else"}`));
    };
    socket.on("data", onData).once("error", reject);
    return promise;
  });
}

function peerOf(protocol: string, certificate: PeerCertificate): Peer {
  const chain: string[] = [];
  let each: PeerCertificate & { issuerCertificate?: PeerCertificate } | undefined = certificate;
  const seen = new Set<unknown>();
  while (each?.subject && !seen.has(each) && chain.length < MAX_CHAIN) {
    seen.add(each);
    chain.push(nameOf(each.subject));
    each = each.issuerCertificate;
  }
  return {
    protocol,
    subject: nameOf(certificate.subject),
    names: (certificate.subjectaltname ?? "").split(", ").filter(Boolean).slice(0, MAX_NAMES)
      .map((name) => printable(name.replace(/^(?:DNS|IP Address):/, ""))),
    issuer: nameOf(certificate.issuer),
    validFrom: dateOf(certificate.valid_from),
    validTo: dateOf(certificate.valid_to),
    chain,
    fingerprint: printable(certificate.fingerprint256 ?? ""),
  };
}

function nameOf(name: Partial<Record<"CN" | "O" | "OU", unknown>> | undefined): string {
  const first = name?.CN ?? name?.O ?? name?.OU ?? "nobody";
  return printable(String(Array.isArray(first) ? first[0] : first));
}

/** The words of a stranger, on a terminal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?").slice(0, 120);
}

function dateOf(text: string): string {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? "" : at.toISOString();
}
