// What @available asks on macOS. Apple's compiler and zig bring it in their runtime library; Debian's clang does not.
#include <stdint.h>
#include <stdio.h>
#include <sys/sysctl.h>

int32_t __isPlatformVersionAtLeast(uint32_t platform, uint32_t major, uint32_t minor, uint32_t patch);

int32_t __isPlatformVersionAtLeast(uint32_t platform, uint32_t major, uint32_t minor, uint32_t patch) {
    char text[32] = "";
    size_t size = sizeof text - 1;
    unsigned is[3] = { 0, 0, 0 };
    (void)platform; // macOS
    if (sysctlbyname("kern.osproductversion", text, &size, NULL, 0) != 0) return 0;
    if (sscanf(text, "%u.%u.%u", &is[0], &is[1], &is[2]) < 1) return 0;
    if (is[0] != major) return is[0] > major;
    if (is[1] != minor) return is[1] > minor;
    return is[2] >= patch;
}
