// What ctrvz.m uses of os/log.h. A message goes to _os_log_impl with its format, which must be a constant in a
// section of its own, and its arguments as the compiler packs them.
#ifndef CTR_OS_LOG_H
#define CTR_OS_LOG_H
#include <os/object.h>
#include <stdint.h>

typedef struct os_log_s *os_log_t;
typedef uint8_t os_log_type_t;

extern struct mach_header __dso_handle __attribute__((visibility("hidden")));
extern os_log_t os_log_create(const char *subsystem, const char *category);
extern _Bool os_log_type_enabled(os_log_t log, os_log_type_t type);
extern void _os_log_impl(void *dso, os_log_t log, os_log_type_t type, const char *format, uint8_t *buffer,
                         uint32_t size);

#define os_log_with_type(log, type, format, ...)                                                                     \
    do {                                                                                                             \
        if (os_log_type_enabled(log, type)) {                                                                        \
            static const char ctr_format[] __attribute__((section("__TEXT,__oslogstring"))) =                        \
                format;                                                                                              \
            uint8_t ctr_buffer[__builtin_os_log_format_buffer_size(format, __VA_ARGS__)]                             \
                __attribute__((aligned(16)));                                                                        \
            __builtin_os_log_format(ctr_buffer, format, __VA_ARGS__);                                                \
            _os_log_impl(&__dso_handle, log, type, ctr_format, ctr_buffer, (uint32_t)sizeof ctr_buffer);             \
        }                                                                                                            \
    } while (0)

#endif
