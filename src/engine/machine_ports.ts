import type { PublishedPort, PublishPorts } from "../machine/mod.ts";
import type { Networks } from "../network/mod.ts";

/** How the ports that a machine listens at come to the host: by its first network, at the usual addresses. */
export function machinePorts(networks: Networks): PublishPorts {
  return {
    published: (containerId) => {
      const byPort = new Map<number, PublishedPort>();
      for (
        const { id, containerPort, hostAddress, hostPort } of networks.publishedOf(containerId)
      ) {
        const other = byPort.get(containerPort);
        byPort.set(containerPort, {
          port: containerPort,
          host: [other?.host, `${bracketed(hostAddress)}:${hostPort}`].filter(Boolean).join(", "),
          containerId,
          ids: [...other?.ids ?? [], id],
        });
      }
      return [...byPort.values()];
    },
    publish: async (containerId, port) => {
      const [endpoint] = networks.endpointsOf(containerId);
      if (!endpoint) return;
      const done: string[] = [];
      try {
        for (const hostAddress of networks.publishAddresses(undefined)) {
          const wanted = {
            protocol: "tcp",
            hostAddress,
            hostPort: port,
            containerPort: port,
          } as const;
          done.push((await networks.publish(endpoint, containerId, wanted)).id);
        }
      } catch (error) {
        for (const id of done) await networks.unpublish(endpoint, id);
        throw error;
      }
    },
    unpublish: async ({ containerId, ids }) => {
      const [endpoint] = networks.endpointsOf(containerId);
      if (endpoint) { for (const id of ids) await networks.unpublish(endpoint, id); }
    },
  };
}

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}
