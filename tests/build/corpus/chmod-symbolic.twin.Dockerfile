FROM busybox
COPY --chmod=644 private /one
COPY --chmod=555 a.txt /two
COPY --chmod=4700 run.sh /three
