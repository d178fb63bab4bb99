// Here everything is available.
#ifndef CTR_OS_AVAILABILITY_H
#define CTR_OS_AVAILABILITY_H
#define API_AVAILABLE(...)
#endif
