# Point: owners by number, by name and by both; folders made on the way belong to them too
FROM busybox
COPY --chown=1000:50 a.txt /number/made/a
COPY --chown=app:staff dir /names
COPY --chown=7 b.txt /one
COPY --chown=app run.sh /user
COPY --chown=0:staff private /mixed
