# Point: without a network there is the loopback alone
# Twin
FROM busybox
RUN --network=none ip -o link | cut -d: -f2 > /net
