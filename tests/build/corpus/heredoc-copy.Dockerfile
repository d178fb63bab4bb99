# Point: files written in the Dockerfile, with and without variables, several at once, beside others
# Twin
FROM busybox
ENV NAME=value
COPY <<EOF /one
name: $NAME
default: ${UNSET:-x} \$kept
EOF
COPY <<'EOF' /two
name: $NAME
EOF
COPY --chmod=755 --chown=1000:50 <<first.txt <<"second.txt" a.txt /several/
first $NAME
first.txt
second $NAME
second.txt
ADD <<-EOF /three
	no tab before
	  this
EOF
