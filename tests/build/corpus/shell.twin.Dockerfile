FROM busybox
SHELL ["/bin/busybox", "sh", "-ec"]
CMD ["/bin/busybox", "sh", "-ec", "echo hi"]
ENTRYPOINT ["/bin/busybox", "sh", "-ec", "echo entry"]
