FROM busybox:entrypoint
EXPOSE 80 443 53/udp 9000
