FROM busybox
COPY dir /one/
RUN rm -r /one/two.md /one/deep/er
COPY src /two/
RUN rm /two/main.h /two/lib/util.h
