# Point: files get the owner that is asked for
FROM busybox
ADD --chown=1000:50 a.txt dir /plain/
