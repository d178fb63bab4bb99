# Point: what a pattern leaves out
# Twin
FROM busybox
COPY --exclude=*.md --exclude=deep/er dir /one/
COPY --exclude=**/*.h src /two/
