# Point: the shell form of an entrypoint
FROM busybox
ENTRYPOINT exec top -b
CMD ["ignored"]
