# Point: JSON form
FROM busybox
HEALTHCHECK CMD ["/bin/true", "a b"]
