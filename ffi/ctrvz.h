// The flat C interface over Virtualization.framework, vmnet, Keychain and os_log. README.md gives the shapes of
// the JSON texts and of the events.
//
// For all functions: texts are UTF-8 and end with NUL. What a function returns as `char *`, and what it stores
// through `char **error`, is the caller's to free with ctrvz_free; `error` may be NULL. Arguments are borrowed for
// the call. Handles and tokens are numbers, never 0; a handle is never used again. Any thread may call; nothing is
// thrown, and nothing calls back. Where an int32_t is returned: 0, or a negative errno (-EBADF: no such handle).
//
// A function "waits" if it needs the VM's queue: it returns when what runs there has run, which is soon, but from a
// thread that must not stand still it should be called elsewhere. The others return at once.
//
// "macOS" says where the thing exists; without it, macOS 15.
#ifndef CTRVZ_H
#define CTRVZ_H

#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#define CTRVZ_EXPORT __attribute__((visibility("default")))

// 1. Grows when something here changes its meaning.
CTRVZ_EXPORT uint32_t ctrvz_abi(void);

// Frees what a function of this file returned. NULL is fine.
CTRVZ_EXPORT void ctrvz_free(void *memory);

// What this host can do, as JSON ("Host").
CTRVZ_EXPORT char *ctrvz_host(void);

// The read end of the stream socket on which events come, one JSON text per line. Once per process: the caller owns
// the descriptor; later calls return -EALREADY. Events that come before are kept; when the caller closes it, later
// events are dropped and descriptors in them closed.
CTRVZ_EXPORT int32_t ctrvz_events(void);

// A new machine identifier, base64. A VM that is to be restored must have the one that it had when it was saved.
CTRVZ_EXPORT char *ctrvz_machine_id(void);

// --- virtual machines ----------------------------------------------------------------------------------------
// Makes and validates a VM from JSON ("VM"), and does not start it. Descriptors in the text are duplicated.
// Returns its handle, or 0 and an error.
CTRVZ_EXPORT uint32_t ctrvz_vm_create(const char *json, char **error);

// These return at once; a "done" event with the token follows. -EINVAL: the token is 0.
CTRVZ_EXPORT int32_t ctrvz_vm_start(uint32_t vm, uint32_t token);
CTRVZ_EXPORT int32_t ctrvz_vm_pause(uint32_t vm, uint32_t token);
CTRVZ_EXPORT int32_t ctrvz_vm_resume(uint32_t vm, uint32_t token);
// Switches the VM off; the guest is not asked. No "stopped" event follows.
CTRVZ_EXPORT int32_t ctrvz_vm_stop(uint32_t vm, uint32_t token);
// A paused VM into a file, which must not exist. The VM stays paused.
CTRVZ_EXPORT int32_t ctrvz_vm_save(uint32_t vm, const char *path, uint32_t token);
// A VM that was never started from such a file; it is paused then.
CTRVZ_EXPORT int32_t ctrvz_vm_restore(uint32_t vm, const char *path, uint32_t token);

// Whether the VM's devices can be saved: 0, or -ENOTSUP and an error that names the device. Waits.
CTRVZ_EXPORT int32_t ctrvz_vm_can_save(uint32_t vm, char **error);
// Presses the guest's power button. 0, or -EIO and an error. Waits.
CTRVZ_EXPORT int32_t ctrvz_vm_request_stop(uint32_t vm, char **error);
// A VZVirtualMachineState: stopped 0, running 1, paused 2, error 3, starting 4, pausing 5, resuming 6, stopping 7,
// saving 8, restoring 9. Waits.
CTRVZ_EXPORT int32_t ctrvz_vm_state(uint32_t vm);
// Asks the balloon to leave the guest `bytes`, rounded down to 1 MiB by the framework's rules. -ENODEV: the VM has
// no balloon. Waits.
CTRVZ_EXPORT int32_t ctrvz_vm_set_memory_target(uint32_t vm, uint64_t bytes);
// Replaces what a share of a VM shows ("Share" without its tag; `null` for nothing). -ENODEV: no share has the tag,
// -EINVAL and an error: the JSON. Waits.
CTRVZ_EXPORT int32_t ctrvz_vm_set_share(uint32_t vm, const char *tag, const char *json, char **error);
// Lets go of a VM that is stopped or in error; -EBUSY otherwise. Descriptors that were handed out stay open. Waits.
CTRVZ_EXPORT int32_t ctrvz_vm_release(uint32_t vm);

// --- vsock ---------------------------------------------------------------------------------------------------
// Connects to a port of the guest. A "done" event follows with the connection's descriptor, which is the caller's,
// or an error; nobody listening is an error. Not for a stopped VM.
CTRVZ_EXPORT int32_t ctrvz_vsock_connect(uint32_t vm, uint32_t port, uint32_t token);
// Accepts what the guest opens to `port` of CID 2, each an "accept" event. -ENODEV: the VM has no vsock device. The
// VM exists; it need not run. Waits.
CTRVZ_EXPORT int32_t ctrvz_vsock_listen(uint32_t vm, uint32_t port);
CTRVZ_EXPORT int32_t ctrvz_vsock_unlisten(uint32_t vm, uint32_t port);

// --- vmnet networks (macOS 26) -------------------------------------------------------------------------------
// A network from JSON ("Network"). It lives until it is released and the last VM on it is, and no longer than this
// process. Returns its handle, or 0 and an error.
CTRVZ_EXPORT uint32_t ctrvz_net_create(const char *json, char **error);
// What the network was given, as JSON ("Network facts"); NULL for no such handle.
CTRVZ_EXPORT char *ctrvz_net_info(uint32_t net);
CTRVZ_EXPORT int32_t ctrvz_net_release(uint32_t net);

// --- Rosetta -------------------------------------------------------------------------------------------------
// Installs Rosetta; the system asks the user. A "done" event follows.
CTRVZ_EXPORT int32_t ctrvz_rosetta_install(uint32_t token);

// --- Keychain ------------------------------------------------------------------------------------------------
// Internet passwords of the login keychain, chosen by JSON ("Secret"). They return an OSStatus: 0, -25300 not
// found, -25308 the keychain would have to ask the user, -50 the JSON is wrong.
// They may wait for the user: call them from a thread of their own.
CTRVZ_EXPORT int32_t ctrvz_secret_set(const char *json, const uint8_t *data, uint32_t length);
// `*data` is the caller's to free, and is NULL unless 0 is returned.
CTRVZ_EXPORT int32_t ctrvz_secret_get(const char *json, uint8_t **data, uint32_t *length);
CTRVZ_EXPORT int32_t ctrvz_secret_delete(const char *json);
// The secrets that fit, as a JSON array of "Secret"; `{"error": OSStatus}` if that cannot be had.
CTRVZ_EXPORT char *ctrvz_secret_list(const char *json);

// --- descriptors ---------------------------------------------------------------------------------------------
// Of what JavaScript has no way to make or to hand on.
// Two connected AF_UNIX sockets: type 1 streams, 2 datagrams with room for frames. Both are the caller's.
CTRVZ_EXPORT int32_t ctrvz_socketpair(int32_t type, int32_t *ends);
// Hands a duplicate of the descriptor to who reads the other end of a stream socket, beside the byte 'F'. -EAGAIN: a
// socket that does not block is full.
CTRVZ_EXPORT int32_t ctrvz_send_fd(int32_t socket, int32_t descriptor);
CTRVZ_EXPORT int32_t ctrvz_close(int32_t descriptor);
// Throws away the datagrams that wait; how many there were.
CTRVZ_EXPORT int32_t ctrvz_drain(int32_t descriptor);

// --- log -----------------------------------------------------------------------------------------------------
// One line of the system's log. `type` as os_log_type_t: default 0, info 1, debug 2, error 16, fault 17.
CTRVZ_EXPORT void ctrvz_log(uint32_t type, const char *subsystem, const char *category, const char *text);

#if defined(__cplusplus)
}
#endif
#endif
