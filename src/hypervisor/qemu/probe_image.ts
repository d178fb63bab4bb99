import type { Architecture } from "../hypervisor.ts";

/** `probe.S`, assembled, linked, stripped, gzipped: its first lines say how. */
const AMD64 =
  "H4sIAAAAAAACA61US2gTYRCefSRZCeFfNKWFIC6hBREJ2fSi0GoCjV3EQz34umkxwVN9ZIPejN0qLJpcPHopngQPiq" +
  "ddFBIfuAhCiqccQ2mptAcVY8Hadp3JbqIJFUT84Z/HN4+d//9n9mb2xDGe46CzeDgCnia3adrHHwldF8QOgYg0gJR8" +
  "Q7iVbgq5h0/xvqr0WsldxH3Fz6tw6R4e9f2iv/mDH/MvcSeX9YtB+PvVqXNj8wVAEqp0ALVmwxDA18dOgFRBVsASFA" +
  "WNKNlUlRkKUKThSIsty0CgCmi3QfJMGNQ2MaUZmcdqWLxpEcjiDbsEUGOpCLcL4aQ1ClyJxWuMG0jzMqzew6wSWFRU" +
  "pVGpVRa0cmAWj2bT+bTy+GkG8PEgyovf0XLcA68SONiWA2MeVCFI9KBRD4rtQegLJmbc3lMIZdX1rOq+Z+GMsc2z2w" +
  "tA0NKE2VTfsYeZ8twwAqW27L7JGJtKcQlzrSOofrBn6QxJKorYdXx6lmJJplapZ2zsLdDMo7ccmMJCvzniyBBejoEm" +
  "xo2NAJyHu2KbjZN78RxTGnQxMaotFaE7ZMnnAM1tx/iMmIvFOkYT+yAMJCmC162OUUJp/g4HWXPrR2sje/iTHskYrl" +
  "Bctg6gfaWl1lZarbWtvBnKO5O8BEhFqGjmK+3lqpw3zwQ1Z1Kix9cMR36dcd9qdSKGOMyT5DjGU787tPraszzbN/Gr" +
  "b1wXyYMnHr9fh0HYjw/oMpDlnv7djftsbsbrtEThUkG/pl+YhsTMZT2XIENCz93QITFdKMD/WGF/Trvj6M9LZ46iff" +
  "5cnz7gY8G+CenMfXfO/SX1xcd8rPsb8e+j8/3uwO2str8t7HCuOaHn9/LH+n8Cl+hHMugEAAA=";

/** `probe_arm64.S`. */
const ARM64 =
  "H4sIAAAAAAACA+1Yv0vDQBh9uUtt0aWKYLcm9weULkLBoWdEEfy1dMgmtQjONoNbgwgOuhTc449FnAVX/4bguVrnTm" +
  "52it81bS1aN8HBe/Dy5fvu3cttOV5rdXONWRaGYHhA2jlSP+Vgvj43ktCsQhoJTmqtzephbrjqyPFank67Yf3UGRgY" +
  "GBgYGPwZJPJ4LKiXKlfzCGP6nz9FU3i7yqBW34EvwjAWQK9Ba4J6G7exOMe7B/usYZMuSWruNnzLKSjWiWJ2XVCCeo" +
  "/64mlOReSrvVm+om5wHHvgdyyffs/dgs9lGLvkLyB7VbDuq4Waa8u29l4mb4YK+S4pYeFe7/HoXdcVqrvg3UvSOBvw" +
  "GZ275XCVJMlCkaqhoaGhoaHhzzQXoP+Niym0Ozx6potgP6/JZNPIx1kMwfqKUA5im5N+W2oeNIPDoL6HUrB/FPzWOW" +
  "aIoyxpPEfKfcmPMDlH0nv5BN/yILeaxXf9OD4Aee6umAgTAAA=";

/** The ELF file of the guest that proves an accelerator. */
export async function probeImage(architecture: Architecture): Promise<Uint8Array> {
  const packed = Uint8Array.from(
    atob(architecture === "amd64" ? AMD64 : ARM64),
    (character) => character.charCodeAt(0),
  );
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(unpacked).bytes();
}
