# Point: what a lower layer removed stays removed, what comes again is new
FROM busybox:layers
COPY a.txt /2
COPY dir /box
COPY a.txt /turns/
