# Point: the shell that SHELL says
FROM busybox
SHELL ["/bin/sh", "-euc"]
RUN echo $0 $- > /flags
