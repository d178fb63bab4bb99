# Point: variables in every instruction that knows them, with defaults and alternatives
FROM busybox
ENV SET=value EMPTY=
LABEL one=${SET} two=$SET-x three=${UNSET:-default} four=${SET:+other} five=${UNSET:+other} six=${EMPTY:-was-empty} seven=${UNSET:-${SET}}
ENV PORT=8080 DIR=/data
EXPOSE ${PORT} $PORT/udp
WORKDIR ${DIR}/${SET}
VOLUME ${DIR}/${SET}
USER ${SET:+app}
STOPSIGNAL ${SIGNAL:-SIGINT}
COPY ${UNSET:-a}.txt ${DIR}/
