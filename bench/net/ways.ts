import { join } from "node:path";
import { SILENT } from "../../src/core/mod.ts";
import { NetworkProcess } from "../../src/network/process.ts";
import { MTU } from "../../src/network/mod.ts";
import { GUEST_PORT, type HandNic } from "./guest.ts";

/** Where the host's own program listens. */
export const HOST_PORT = 7100;

/** How two guests, "a" and "b", and the host are connected: by netd, and by each of its peers. */
export interface Way {
  readonly name: "ctr" | "hostfwd" | "passt" | "tap";
  /** By which the host reaches guest "a"; none where this is not measured. */
  readonly published?: string;
  /** By which guest "a" reaches the host. */
  readonly host?: string;
  /** By which guest "b" reaches guest "a". */
  readonly peer?: string;
  nic(guest: "a" | "b"): HandNic | undefined;
}

/** `ctr`'s own process, as the engine starts it. */
export interface OwnWay extends Way, AsyncDisposable {
  readonly publishedUdp: string;
  readonly pid: number;
}

export async function netd(folder: string): Promise<OwnWay> {
  const process = new NetworkProcess({
    folder: join(folder, "netd"),
    home: folder,
    config: {
      name: "bench",
      createdAt: new Date(0).toISOString(),
      driver: "user",
      ipv4: "10.77.4.0/24",
      ipv6: "fd77:4::/64",
      mtu: MTU,
      internal: false,
      hostAccess: true,
      labels: {},
      options: {},
    },
    log: SILENT,
    onDenied: () => {},
    resolvConf: "/etc/resolv.conf",
  });
  const nic = (guest: "a" | "b"): HandNic => ({
    backend: `stream,server=on,addr.type=unix,addr.path=${folder}/netd-${guest}.sock`,
    mac: `02:0a:4d:00:00:0${guest}`,
    address: `10.77.4.${guest === "a" ? 2 : 3}/24`,
    mtu: MTU,
  });
  for (const guest of ["a", "b"] as const) {
    const { mac, address } = nic(guest);
    const addresses = [address.replace(/\/.*/, "")];
    const socket = join(folder, `netd-${guest}.sock`);
    await process.plug({ id: guest, mac, addresses, socket, names: [guest] });
  }
  const guest = `10.77.4.2:${GUEST_PORT}`;
  const publish = (network: "tcp" | "udp") =>
    process.publish({ id: `a/${network}`, network, host: "127.0.0.1:0", guest });
  return {
    name: "ctr",
    nic,
    published: await publish("tcp"),
    publishedUdp: await publish("udp"),
    host: `10.77.4.254:${HOST_PORT}`,
    peer: guest,
    pid: process.pid!,
    async [Symbol.asyncDispose]() {
      await process.stop();
    },
  };
}

/** QEMU's own. */
export function hostfwd(): Way {
  const forwarded = `hostfwd=tcp:127.0.0.1:18001-10.77.1.15:${GUEST_PORT}`;
  return {
    name: "hostfwd",
    published: "127.0.0.1:18001",
    host: `10.77.1.1:${HOST_PORT}`,
    nic: (guest) =>
      guest === "b" ? undefined : {
        backend: `user,ipv6=off,net=10.77.1.0/24,host=10.77.1.1,${forwarded}`,
        mac: "02:0a:4d:01:00:0a",
        address: "10.77.1.15/24",
        mtu: 1500, // what it is made for: it takes no larger packets
      },
  };
}

/** Debian's, which maps the gateway's address to the host's loopback. */
export async function passt(folder: string): Promise<Way & AsyncDisposable> {
  const socket = join(folder, "passt.sock");
  const addresses = ["-4", "-i", "br0", "-a", "10.77.2.2", "-n", "24", "-g", "10.77.2.1"];
  const child = new Deno.Command("passt", {
    args: [
      ...["-f", "-q", "-s", socket, "--runas", "0", ...addresses],
      ...["--no-dhcp", "--no-ndp", "--no-dhcpv6", "--no-ra"],
      ...["-t", `127.0.0.1/18002:${GUEST_PORT}`],
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  for (const until = performance.now() + 10_000;;) {
    if (await Deno.lstat(socket).then(() => true, () => false)) break;
    if (performance.now() > until) throw new Error("passt does not listen");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    name: "passt",
    published: "127.0.0.1:18002",
    host: `10.77.2.1:${HOST_PORT}`,
    nic: (guest) =>
      guest === "b" ? undefined : {
        backend: `stream,server=off,addr.type=unix,addr.path=${socket}`,
        mac: "02:0a:4d:02:00:0a",
        address: "10.77.2.2/24",
        mtu: 65_520, // what it tells guests by DHCP
      },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}

/** What root makes by hand: a bridge, and a tap of it for each guest. The namespace ends with its last process. */
export async function tap(): Promise<Way> {
  for (
    const words of [
      "link set lo up",
      "link add br0 type bridge",
      "address add 10.77.3.1/24 dev br0",
      "link set br0 up",
      "route add default via 10.77.3.254", // passt wants one
      ...["tapa", "tapb"].flatMap((name) => [
        `tuntap add ${name} mode tap vnet_hdr`,
        `link set ${name} master br0 up`,
      ]),
    ]
  ) await ip(words);
  return {
    name: "tap",
    peer: `10.77.3.2:${GUEST_PORT}`,
    nic: (guest) => ({
      backend: `tap,ifname=tap${guest},script=no,downscript=no`,
      mac: `02:0a:4d:03:00:0${guest}`,
      address: `10.77.3.${guest === "a" ? 2 : 3}/24`,
      mtu: 1500,
    }),
  };
}

async function ip(words: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args: words.split(" ") }).output();
  if (!success) throw new Error(`ip ${words}: ${new TextDecoder().decode(stderr).trim()}`);
}
