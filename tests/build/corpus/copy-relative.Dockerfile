# Point: relative targets lie in the working folder, dots are resolved
FROM busybox
WORKDIR /srv/app
COPY a.txt .
COPY b.txt ./sub/
COPY run.sh ../bin/
COPY empty ../../../top
