# Point: empty folders and empty files are files too
FROM scratch
COPY dir/nothing /nothing
COPY empty /empty
COPY dir/nothing/ /parents/of/nothing/
