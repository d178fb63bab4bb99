FROM busybox
RUN printf 'one value\n' > /one; printf '/etc\n' > /two; printf 'three $NAME\n' > /three
RUN printf 'expanded value\nnot expanded $NAME\n' > /four; echo awk > /five
ENV NAME=value
