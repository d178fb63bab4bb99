# Point: an entrypoint forgets the command of the base
FROM busybox:entrypoint
ENTRYPOINT ["/bin/true"]
