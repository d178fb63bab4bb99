# Point: one and several pairs, quotes, escapes, the form without an equals sign
FROM busybox
ENV ONE=1
ENV TWO=2 THREE="three words" FOUR=four\ words
ENV FIVE five words of it
ENV SIX='single $ONE' SEVEN="double $ONE" EIGHT=$ONE$TWO NINE=\$ONE
ENV TEN="a \"quoted\" word" ELEVEN=
ENV ONE=again OLD=$ONE
