import { KEYCHAIN_SYMBOLS } from "../../host/mod.ts";

/**
 * The shim's functions, once: what is called and with what types follows from this table.
 *
 * `buffer` is borrowed for the call: texts end with NUL; where a function stores a pointer, eight bytes.
 * `pointer` is the shim's memory, given back with `ctrvz_free`. What waits for a VM's queue, or may wait
 * for the user, runs on a thread of its own.
 *
 * @see ../../../ffi/ctrvz.h
 */
export const SYMBOLS = {
  ctrvz_abi: { parameters: [], result: "u32" },
  ctrvz_host: { parameters: [], result: "pointer" },
  ctrvz_events: { parameters: [], result: "i32" },
  ctrvz_machine_id: { parameters: [], result: "pointer" },

  ctrvz_vm_create: { parameters: ["buffer", "buffer"], result: "u32", nonblocking: true },
  ctrvz_vm_start: { parameters: ["u32", "u32"], result: "i32" },
  ctrvz_vm_pause: { parameters: ["u32", "u32"], result: "i32" },
  ctrvz_vm_resume: { parameters: ["u32", "u32"], result: "i32" },
  ctrvz_vm_stop: { parameters: ["u32", "u32"], result: "i32" },
  ctrvz_vm_save: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  ctrvz_vm_restore: { parameters: ["u32", "buffer", "u32"], result: "i32" },
  ctrvz_vm_can_save: { parameters: ["u32", "buffer"], result: "i32", nonblocking: true },
  ctrvz_vm_request_stop: { parameters: ["u32", "buffer"], result: "i32", nonblocking: true },
  ctrvz_vm_state: { parameters: ["u32"], result: "i32", nonblocking: true },
  ctrvz_vm_set_memory_target: { parameters: ["u32", "u64"], result: "i32", nonblocking: true },
  ctrvz_vm_set_share: {
    parameters: ["u32", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  ctrvz_vm_release: { parameters: ["u32"], result: "i32", nonblocking: true },

  ctrvz_vsock_connect: { parameters: ["u32", "u32", "u32"], result: "i32" },
  ctrvz_vsock_listen: { parameters: ["u32", "u32"], result: "i32", nonblocking: true },
  ctrvz_vsock_unlisten: { parameters: ["u32", "u32"], result: "i32", nonblocking: true },

  ctrvz_net_create: { parameters: ["buffer", "buffer"], result: "u32", nonblocking: true },
  ctrvz_net_info: { parameters: ["u32"], result: "pointer" },
  ctrvz_net_release: { parameters: ["u32"], result: "i32" },

  ctrvz_rosetta_install: { parameters: ["u32"], result: "i32" },

  ...KEYCHAIN_SYMBOLS,
  ctrvz_secret_list: { parameters: ["buffer"], result: "pointer", nonblocking: true },

  ctrvz_socketpair: { parameters: ["i32", "buffer"], result: "i32" },
  ctrvz_send_fd: { parameters: ["i32", "i32"], result: "i32" },
  ctrvz_close: { parameters: ["i32"], result: "i32" },
  ctrvz_drain: { parameters: ["i32"], result: "i32" },

  ctrvz_log: { parameters: ["u32", "buffer", "buffer", "buffer"], result: "void" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The functions, with the types that follow from the table. */
export type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** The border's version that this table describes. */
export const ABI = 1;
