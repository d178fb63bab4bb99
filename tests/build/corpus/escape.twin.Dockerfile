FROM busybox
ENV A=one B=back\\slash C="two words"
LABEL path="C:\\dir" money=\$A
COPY a.txt b.txt /data/
