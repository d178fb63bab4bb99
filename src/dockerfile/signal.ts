/** Of Linux, with their other names. */
const NAMES =
  ("HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD " +
    "CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS").split(" ");
const LAST = 64;

/** `SIGTERM`, `term`, `SIGRTMIN+3`, or a number. */
export function isSignal(text: string): boolean {
  if (/^\d{1,2}$/.test(text)) return Number(text) >= 1 && Number(text) <= LAST;
  const name = text.toUpperCase().replace(/^SIG/, "");
  return NAMES.includes(name) || /^RTMIN(\+([0-9]|[12][0-9]|30))?$/.test(name) ||
    /^RTMAX(-([0-9]|[12][0-9]|30))?$/.test(name);
}
