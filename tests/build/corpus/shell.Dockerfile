# Point: another shell for what follows; a new stage has the base's
# Twin
FROM busybox
SHELL ["/bin/busybox", "sh", "-ec"]
CMD echo hi
ENTRYPOINT echo entry
