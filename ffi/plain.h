// Within the library.
#ifndef CTR_PLAIN_H
#define CTR_PLAIN_H
#include <stddef.h>

// Writes to the socket of the events; waits while it is full. 0: nobody reads it any more.
int ctrWriteEvents(const void *bytes, size_t length);

#endif
