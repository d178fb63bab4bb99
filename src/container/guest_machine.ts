import { CtrError } from "../core/mod.ts";
import type { Architecture, Hypervisor } from "../vm/mod.ts";

/** The machine that runs an image: the guest's architecture, and whether its programs are translated. */
export interface GuestMachine {
  readonly architecture: Architecture;
  readonly rosetta?: true;
}

/**
 * Chooses the machine for an image's architecture: its own, else the host's with Rosetta.
 *
 * @throws {CtrError} `unsupported` where neither can be.
 */
export async function machineFor(
  hypervisor: Pick<Hypervisor, "features">,
  wanted: string,
): Promise<GuestMachine> {
  if (wanted !== "amd64" && wanted !== "arm64") {
    throw new CtrError("unsupported", `cannot boot a VM: there is none for "${wanted}"`);
  }
  const { architectures, translated } = await hypervisor.features();
  if (architectures.includes(wanted)) return { architecture: wanted };
  const [own] = architectures;
  if (own && translated.includes(wanted)) return { architecture: own, rosetta: true };
  throw new CtrError(
    "unsupported",
    `cannot boot a VM: this host runs ${architectures} guests only`,
    {
      hint: wanted === "amd64"
        ? "install Rosetta (softwareupdate --install-rosetta), or take the image for arm64"
        : `take the image for ${own}`,
    },
  );
}
