import { CtrError } from "../../core/mod.ts";
import type { GuestExit, RunningVm } from "../../vm/mod.ts";
import type { StepIo } from "./types.ts";

/** A guest that ends its answer again and again without a byte is not waited for. */
const FRUITLESS_ROUNDS = 20;
const AGAIN_MS = 20;

/**
 * Hands on what a process writes, until it has ended, also over connections that break.
 *
 * @throws {CtrError} `unavailable` if its VM ends before; what `io.signal` was aborted with.
 */
export async function followStep(vm: RunningVm, processId: string, io: StepIo): Promise<GuestExit> {
  let handing = false;
  for (let at = 0, fruitless = 0; fruitless < FRUITLESS_ROUNDS;) {
    const before = at;
    try {
      for await (const event of vm.guest.output(processId, at, io.signal)) {
        if (event.kind === "exit") return event;
        handing = true;
        const wait = io.output(event.stream === 1 ? "stdout" : "stderr", event.data);
        if (wait) await wait;
        handing = false;
        at = event.offset + event.data.length;
        vm.guest.acknowledge(processId, at).catch(() => {}); // told again by the next one
      }
    } catch (error) {
      io.signal?.throwIfAborted();
      if (handing) throw error;
      if (vm.gone) throw await lost(vm, error);
    }
    if (vm.gone) throw await lost(vm);
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    await vm.reconnect();
    fruitless = at > before ? 0 : fruitless + 1;
  }
  throw new CtrError("unavailable", `cannot follow the step: its guest tells nothing`);
}

async function lost(vm: RunningVm, cause?: unknown): Promise<CtrError> {
  const end = await vm.ended;
  const why = end.how === "failed" ? end.reason : "it was ended";
  return new CtrError("unavailable", `cannot run the step: its VM has ended: ${why}`, { cause });
}
