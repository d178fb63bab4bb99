import type { Duplex } from "node:stream";

/** What a driver can do. Asking for a thing that is `false` is an error, never a no-op. */
export interface Features {
  readonly balloon: boolean;
  readonly save: boolean;
  readonly shares: boolean;
  readonly nestedVirtualization: boolean;
  /** Several CPUs of one guest of the host's own architecture run at the same time. */
  readonly parallelCpus: boolean;
  /** Guest architectures, the host's own first. */
  readonly architectures: readonly Architecture[];
  /** Architectures whose programs a guest of the host's own runs by Rosetta (`VmConfig.rosetta`). */
  readonly translated: readonly Architecture[];
}

/** As OCI spells it. */
export type Architecture = "amd64" | "arm64";

export interface Disk {
  /** Raw image on the host. */
  readonly path: string;
  readonly readonly: boolean;
  /** virtio-blk serial by which the guest finds it; at most 20 ASCII characters. */
  readonly serial: string;
  /** Worth nothing after the VM: what the guest flushes need not be on the host's disk. Default false. */
  readonly volatile?: boolean | undefined;
}

/** A folder of the host that a guest sees as a file system of its own. */
export interface Share {
  /** By which the guest mounts it; at most 36 ASCII characters. */
  readonly tag: string;
  /** Absolute. A folder, or a single file: of that one nothing else of its folder is seen. */
  readonly path: string;
  /** Enforced on the host's side. */
  readonly readonly: boolean;
}

/** How the guest mounts a share: the type and the options that the driver's transport wants. */
export interface ShareMount {
  readonly type: "virtiofs" | "9p";
  readonly options: readonly string[];
  /** Set for a single file: its name in the share's root. */
  readonly file?: string;
}

export type Nic =
  /** QEMU's user mode network: 10.0.2.15/24, gateway 10.0.2.2, name server 10.0.2.3. */
  | { readonly kind: "user"; readonly mac: string }
  /**
   * A wire to whoever connects to `nicSocket()` in the VM's folder: each frame behind its length, four
   * bytes, big-endian. It may be plugged in again and again, one at a time; without anybody there what
   * the guest sends is lost. Where `Hypervisor.nicWire` is `datagram` who connects is handed a descriptor
   * instead, with the byte `F`: of a datagram socket on which a datagram is a frame. It holds the wire for
   * as long as the connection is open.
   */
  | { readonly kind: "stream"; readonly mac: string }
  /** Linux, root: an interface of the host, made with the VM and gone with it; down until somebody sets it up. */
  | { readonly kind: "tap"; readonly mac: string; readonly name: string }
  /** macOS: its own NAT, isolated from other guests; addresses by DHCP. */
  | { readonly kind: "nat"; readonly mac: string }
  /** macOS 26: a network of vmnet. VMs on one network live in one process. */
  | { readonly kind: "vmnet"; readonly mac: string; readonly network: VmnetNetwork };

/** A network of vmnet, as its first VM finds it. It lives as long as VMs are on it. */
export interface VmnetNetwork {
  readonly name: string;
  /** Of the process that holds the network and its VMs. Absolute, mode 0700; it exists. */
  readonly folder: string;
  /** `host`: no way out. */
  readonly mode: "shared" | "host";
  /** The host's own address in it, with the mask; without it the system chooses. */
  readonly ipv4?: { readonly address: string; readonly mask: string } | undefined;
  readonly ipv6?: { readonly prefix: string; readonly length: number } | undefined;
  readonly mtu?: number | undefined;
  /** True by default. */
  readonly dhcp?: boolean | undefined;
  /** Fixed for the network's life. */
  readonly forwards?:
    | readonly {
      readonly protocol: "tcp" | "udp";
      readonly hostPort: number;
      readonly guestAddress: string;
      readonly guestPort: number;
    }[]
    | undefined;
}

/** The socket in the VM's folder of its NIC number `at`. */
export function nicSocket(at: number): string {
  return `nic${at}.sock`;
}

export interface VmConfig {
  /** Letters, digits and `_.-`, at most 64. */
  readonly id: string;
  /**
   * The VM's own folder, mode 0700: sockets, PID record, console. Absolute, of any length; it exists
   * and holds no other VM's record.
   */
  readonly folder: string;
  readonly architecture: Architecture;
  readonly kernel: string;
  /** Appended to what the driver itself needs. */
  readonly kernelArguments: readonly string[];
  /** `vminitd`'s disk, mounted read-only as the boot root. */
  readonly bootDisk: string;
  readonly disks: readonly Disk[];
  readonly nics: readonly Nic[];
  readonly shares?: readonly Share[] | undefined;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** The guest finds Rosetta as the share `rosetta`; see `Features.translated`. */
  readonly rosetta?: boolean | undefined;
  /** The guest may run VMs itself; see `Features.nestedVirtualization`. */
  readonly nested?: boolean | undefined;
  /** A file of `Vm.save()`, of a VM with this same configuration: it goes on where it was. */
  readonly restore?: string | undefined;
  /**
   * The boot log: the guest's console, bounded in size whatever the guest does. When full it becomes
   * `<console>.1` and begins anew. What the guest says while no engine runs is not kept.
   */
  readonly console: string;
}

export type VmExit =
  /** We ended it: `stop()` or `kill()`. */
  | { readonly how: "stopped" }
  /** It ended by itself or by a stranger; `reason` is a clause for the user. */
  | { readonly how: "failed"; readonly reason: string };

/** A VM that lives in a process of its own, which outlives ours. */
export interface Vm {
  readonly id: string;
  readonly pid: number;
  /** When the monitor process was started, and when the driver had nothing left to do. */
  readonly timing: {
    /** Unix time, milliseconds. */
    readonly startedMs: number;
    readonly spawnedMs: number;
  };
  /** How the guest is to mount each share, by tag. */
  readonly shareMounts: Readonly<Record<string, ShareMount>>;
  /** What runs the guest's instructions: `kvm`, `tcg`, `vz`, `fake`. */
  readonly accelerator: string;
  /**
   * Opens a stream to a port of the guest, and resolves when somebody there listens. On hosts without
   * vsock there is one port (`1024`) and one stream at a time: a new one ends the old.
   *
   * @throws {CtrError} `timeout` if the guest does not listen within `deadlineMs`; `unavailable` if
   * the VM has ended.
   */
  connect(port: number, options: { deadlineMs: number; signal?: AbortSignal }): Promise<Duplex>;
  /** Ends the monitor now; the guest has synced before. Resolves once the process is gone. */
  stop(deadlineMs: number): Promise<void>;
  kill(): Promise<void>;
  /** Resolves when the monitor process has ended, whoever ended it. */
  wait(): Promise<VmExit>;
  /** Host memory in use, bytes. */
  footprintBytes(): Promise<number>;
  balloon(targetBytes: number): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /**
   * Writes the state of a paused VM to a file that does not exist. The VM stays paused; its disks must not
   * change until it is restored.
   *
   * @throws {CtrError} `unsupported` where `Features.save` is false, or a device (a share) cannot be saved.
   */
  save(path: string): Promise<void>;
  /**
   * Lets go of the VM without ending it: connections to its monitor are closed, `wait()` never
   * resolves, nothing else may be called. For an engine that ends while its VMs live on.
   */
  release(): void;
}

export interface Hypervisor {
  readonly name: string;
  /** How the wire of a NIC of kind `stream` is handed over. */
  readonly nicWire: "stream" | "datagram";
  features(): Promise<Features>;
  /**
   * Something that the user should be told once, as one line: why guests are slow here, for example.
   *
   * @returns It at the first call that finds it, then `undefined`, also in later processes.
   */
  notice(): Promise<string | undefined>;
  /** What `ctr doctor` tells about this driver. Never throws; never takes more than 5 seconds. */
  doctor(): Promise<readonly Finding[]>;
  /**
   * Starts a VM and returns as soon as its monitor runs with every device; the guest is still
   * booting then.
   *
   * @throws {CtrError} `unavailable` if the monitor is not installed, is too old or ends at once;
   * `unsupported` for what is `false` in `features()`.
   */
  start(config: VmConfig): Promise<Vm>;
  /**
   * Finds the VM that an earlier engine started in `folder`.
   *
   * @returns `undefined` if it does not live any more (its PID is checked against its start time).
   */
  adopt(folder: string): Promise<Vm | undefined>;
}

/** One fact about the host. */
export interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do about it, in the imperative. */
  readonly hint?: string;
}
