# Point: ports with and without a protocol, once each
# Twin
FROM busybox:entrypoint
EXPOSE 80 443/tcp 53/udp 80/tcp
EXPOSE 9000/TCP
