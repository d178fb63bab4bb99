// Breaks, or keeps, a rule of the stand-in that its argument names. What it says is the test's to judge.
#import <Foundation/Foundation.h>
#import <Virtualization/Virtualization.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAKE(name) [NSClassFromString(@ #name) alloc]

static VZVirtualMachineConfiguration *configuration(const char *kernel) {
    VZVirtualMachineConfiguration *made = [MAKE(VZVirtualMachineConfiguration) init];
    NSURL *url = [NSURL fileURLWithPath:[NSString stringWithUTF8String:kernel]];
    [made setBootLoader:[MAKE(VZLinuxBootLoader) initWithKernelURL:url]];
    [made setCPUCount:1];
    [made setMemorySize:64 << 20];
    return made;
}

int main(int argc, char **argv) {
    if (argc < 4 || dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) == NULL) return 2;
    const char *rule = argv[2];
    @autoreleasepool {
        VZVirtualMachineConfiguration *values = configuration(argv[3]);
        dispatch_queue_t (*make)(const char *, void *) = dlsym(RTLD_DEFAULT, "dispatch_queue_create");
        void (*sync)(dispatch_queue_t, dispatch_block_t) = dlsym(RTLD_DEFAULT, "dispatch_sync");
        dispatch_queue_t queue = make("vm", NULL);
        VZVirtualMachine *machine = [MAKE(VZVirtualMachine) initWithConfiguration:values queue:queue];
        @try {
            if (!strcmp(rule, "on-queue")) sync(queue, ^{ printf("state %ld\n", (long)[machine state]); });
            if (!strcmp(rule, "off-queue")) printf("state %ld\n", (long)[machine state]);
            if (!strcmp(rule, "devices-off-queue")) [machine socketDevices];
            if (!strcmp(rule, "own-queue")) sync(queue, ^{ sync(queue, ^{ puts("never"); }); });
            if (!strcmp(rule, "bad-enum")) {
                NSURL *url = [NSURL fileURLWithPath:@"/dev/null"];
                [MAKE(VZDiskImageStorageDeviceAttachment) initWithURL:url readOnly:YES cachingMode:9 synchronizationMode:1 error:NULL];
            }
            if (!strcmp(rule, "copied")) {
                [values setMemorySize:1];
                NSError *error = nil;
                printf("valid %d\n", [values validateWithError:&error]);
                sync(queue, ^{ [machine startWithCompletionHandler:^(NSError *failure) { (void)failure; }]; });
                sync(queue, ^{ printf("state %ld\n", (long)[machine state]); });
            }
        } @catch (NSException *exception) {
            printf("raised %s\n", [[exception reason] UTF8String]);
        }
    }
    fflush(stdout);
    _exit(0);
}
