# Point: patterns that are cut off and replaced within variables
# Twin
FROM busybox
ENV F=path/to/file.tar.gz EMPTY=
LABEL a=${F#*/} b=${F##*/} c=${F%.*} d=${F%%.*} e=${F/t/T} f=${F//t/T} g=${EMPTY-set} h=${EMPTY:-empty} i=${EMPTY+alt} j=${F:?must-be} k=${UNSET-unset}
