# Point: quotes, dollars and lines reach the shell as they are written
FROM busybox
ENV X=x
RUN echo 'single $X' "double $X" \$X \
  # a comment between
  "and \
more" > /out
RUN printf '%s\n' "tab	tab" 'back\slash' >> /out
