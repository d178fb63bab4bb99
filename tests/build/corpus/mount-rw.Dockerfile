# Point: writes into a writable bind are thrown away
# Twin
FROM busybox
RUN --mount=target=/mnt,rw echo changed > /mnt/a.txt && cat /mnt/a.txt > /seen
RUN --mount=target=/mnt cat /mnt/a.txt >> /seen
