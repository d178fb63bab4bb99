# Point: folders of the source are kept; a pivot point says from where on
# Twin
FROM busybox
COPY --parents src/lib/util.c dir/deep/er/four.txt /all/
COPY --parents src/./lib/util.h /pivot/
COPY --parents dir/**/*.txt /stars/
