# Point: archives are unpacked or not as it is said
# Twin
FROM busybox
ADD --unpack=false archive.tar.gz /kept/
ADD --unpack=true archive.tar /box/
