# Point: user, folder, environment and arguments are those of the Dockerfile
FROM busybox
ARG ONE=argument
ENV TWO=environment
WORKDIR /home/app
RUN chown app:app .
USER app:staff
RUN id -u > id; id -g >> id; pwd > pwd; echo "$ONE $TWO" > env; umask > umask
