# Point: what would be a pattern is named literally by classes and backslashes
# Twin
FROM busybox
COPY odd/list[[]1].txt /class/
COPY odd/star\*.md /backslash/
