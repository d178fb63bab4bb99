# Point: what is no archive is copied, whatever its name; COPY unpacks nothing
FROM busybox
ADD a.txt dir /plain/
ADD not-an-archive.tar.gz /named/
COPY archive.tar.gz /kept/
