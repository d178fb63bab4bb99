import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Guest as Service } from "../guest/gen/guest_pb.ts";
import type { Duplex } from "node:stream";
// deno-lint-ignore-file
export async function connectGuest(s: Duplex) {
  const tr = createGrpcTransport({
    baseUrl: "http://guest",
    nodeOptions: {
      createConnection: () => s,
      settings: { initialWindowSize: 8 << 20, maxFrameSize: 1 << 20 },
    } as any,
    readMaxBytes: 1 << 24,
  });
  return createClient(Service, tr);
}
export type GuestClient = Awaited<ReturnType<typeof connectGuest>>;
