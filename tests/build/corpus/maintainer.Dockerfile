# Point: the deprecated instruction says who the author is
FROM busybox
MAINTAINER Ann Author <ann@example.com>
