# Point: sources are relative to the context whatever stands before them
FROM busybox
COPY /a.txt /one
COPY ./b.txt /two
COPY dir/../run.sh /three
COPY /dir/deep/. /four/
