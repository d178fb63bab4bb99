import { CtrError, type ErrorCode } from "../../core/mod.ts";
import type { ShimFault } from "./shapes.ts";

/** `VZErrorDomain` by code; what is not listed is `unavailable`. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  2: "unsupported", // configuration, or the missing entitlement
  3: "invalid-state",
  4: "invalid-state",
  5: "unavailable", // disk image
  6: "unavailable", // too many VMs
  8: "no-space",
  9: "cancelled",
  10: "unsupported",
  11: "unsupported", // save
  12: "bad-data", // restore
};

/** Apple's name for what a program may do; without it no VM is valid. */
export const ENTITLEMENT = "com.apple.security.virtualization";

/**
 * The shim's error as one of ours.
 *
 * @param what Begins the message, for example `cannot start VM "x"`.
 */
export function faultError(what: string, fault: ShimFault): CtrError {
  const text = faultText(fault);
  if (text.includes(ENTITLEMENT)) {
    return new CtrError("denied", `${what}: this program is not signed with "${ENTITLEMENT}"`, {
      hint: 'sign it as docs/macos.md shows; "ctr doctor --selftest" tells what is missing',
      cause: fault,
    });
  }
  const code = fault.domain === "VZErrorDomain" ? CODES[fault.code] : undefined;
  const where = `${fault.domain} ${fault.code}`;
  return new CtrError(code ?? "unavailable", `${what}: ${text} (${where})`, { cause: fault });
}

/** One line: the reason, which says more than the description where there is one. */
export function faultText({ message, reason, subject, cause }: ShimFault): string {
  const about = subject === undefined ? "" : `"${subject}": `;
  const own = about +
    (reason ?? message).replace(/\s+/g, " ").trim().replace(/\.$/, "").slice(0, 300);
  return cause === undefined ? own : `${own}: ${faultText(cause)}`.slice(0, 400);
}
