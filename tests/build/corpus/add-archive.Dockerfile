# Point: archives are unpacked, whatever they are compressed with; owners and modes are the archive's
FROM busybox
ADD archive.tar /tar/
ADD archive.tar.gz /gz/
ADD archive.tar.bz2 /bz2
ADD archive.tar.xz /xz
