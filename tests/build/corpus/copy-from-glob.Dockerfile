# Point: patterns and links within another stage
FROM busybox AS first
COPY dir /out
COPY links /out/links
FROM scratch
COPY --from=first /out/*.txt /texts/
COPY --from=first /out/links/relative /followed
COPY --from=first /out/links/absolute /absolute
