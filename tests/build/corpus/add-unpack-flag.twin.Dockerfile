FROM busybox
COPY archive.tar.gz /kept/
ADD archive.tar /box/
