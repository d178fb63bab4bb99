FROM busybox
COPY src/lib/util.c /all/src/lib/util.c
COPY dir/deep/er/four.txt /all/dir/deep/er/four.txt
RUN chmod 750 /all/dir/deep
COPY src/lib/util.h /pivot/lib/util.h
COPY dir/one.txt dir/one-again.txt /stars/dir/
COPY dir/deep/three.txt /stars/dir/deep/
COPY dir/deep/er/four.txt /stars/dir/deep/er/
RUN chmod 750 /stars/dir/deep
