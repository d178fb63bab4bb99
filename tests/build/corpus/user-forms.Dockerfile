# Point: users are kept as they are written
FROM busybox AS one
USER app
FROM busybox AS two
USER 1000:50
FROM busybox
ARG WHO=app:staff
USER ${WHO}
