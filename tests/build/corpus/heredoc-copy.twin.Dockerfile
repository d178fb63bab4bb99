FROM busybox
RUN printf 'name: value\ndefault: x $kept\n' > /one; printf 'name: $NAME\n' > /two; mkdir -m 755 /several
RUN chown 1000:50 /several; cd /several; printf 'first value\n' > first.txt; printf 'second $NAME\n' > second.txt
COPY a.txt /several/a.txt
RUN cd /several; chmod 755 *; chown 1000:50 *; printf 'no tab before\n  this\n' > /three
ENV NAME=value
