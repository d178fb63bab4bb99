import { CtrError } from "../core/mod.ts";
import type { AddressPlan } from "./plan.ts";
import type { Lease } from "./records.ts";

export interface PlaceRequest {
  readonly network: string;
  /** The container's. */
  readonly name: string;
  /** The place of an address that was asked for. */
  readonly wanted?: bigint | undefined;
}

/**
 * The place that a container gets: the one it asks for, the one it had, the first that nobody ever
 * had, or the one that was used longest ago.
 *
 * @param leases Longest unused first.
 * @param held Places of containers that run, by place; each with its container's name.
 * @throws {CtrError} `conflict` if a running container has what is asked for, or all are held.
 */
export function choosePlace(
  request: PlaceRequest,
  plan: AddressPlan,
  leases: readonly Lease[],
  held: ReadonlyMap<bigint, string>,
): bigint {
  const { network, name, wanted } = request;
  const holder = (place: bigint) => held.get(place);
  if (wanted !== undefined) {
    const other = holder(wanted);
    if (other === undefined || other === name) return wanted;
    throw new CtrError("conflict", `cannot give "${name}" that address: "${other}" has it`);
  }
  const own = leases.find((lease) => lease.name === name);
  if (own && (holder(own.place) ?? name) === name) return own.place;
  const { first, last } = plan.places;
  const known = new Set(leases.map(({ place }) => place));
  for (let place = first; place <= last; place++) {
    if (!known.has(place) && holder(place) === undefined) return place;
  }
  const oldest = leases.find(({ place }) => holder(place) === undefined);
  if (oldest) return oldest.place;
  throw new CtrError(
    "conflict",
    `cannot attach "${name}": network "${network}" has no address left`,
    {
      hint: "stop a container of it, or make a larger network",
    },
  );
}
