# Point: a target in the middle, with stages based on stages
# Flags: --target two
FROM busybox AS one
ENV A=1
COPY a.txt /one
FROM one AS two
ENV B=2
COPY b.txt /two
FROM two AS three
COPY nonexistent /never
