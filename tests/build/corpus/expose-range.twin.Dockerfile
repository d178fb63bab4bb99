FROM busybox
EXPOSE 7000/udp 7001/udp 7002/udp 80
