# Point: the base's check is taken away
FROM busybox AS checked
HEALTHCHECK CMD true
FROM checked
HEALTHCHECK NONE
