# Point: a script of several lines, with and without expansion by the shell; another interpreter by #!
# Twin
FROM busybox
ENV NAME=value
RUN <<EOF
echo "one $NAME" > /one
# not a comment of the Dockerfile
cd /etc
pwd > /two
EOF
RUN <<'EOF'
echo 'three $NAME' > /three
EOF
RUN cat <<FIRST > /four && cat <<-"SECOND" >> /four
expanded $NAME
FIRST
	not expanded $NAME
SECOND
RUN <<EOF
#!/bin/awk -f
BEGIN { print "awk" > "/five" }
EOF
