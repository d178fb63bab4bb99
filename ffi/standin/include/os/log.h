// The log of the tests: lines of the file that CTRVZ_STANDIN_LOG names.
#ifndef CTR_OS_LOG_H
#define CTR_OS_LOG_H
#include <stdint.h>

typedef struct os_log_s *os_log_t;
typedef uint8_t os_log_type_t;

os_log_t os_log_create(const char *subsystem, const char *category);
void os_log_with_type(os_log_t log, os_log_type_t type, const char *format, ...);

#endif
