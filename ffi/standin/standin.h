// What the parts of the stand-in know of each other.
#ifndef CTR_STANDIN_H
#define CTR_STANDIN_H
#import <Security/Security.h>
#import <Virtualization/Virtualization.h>
#import <sys/types.h>

#import "vsock.h"

// --- errors.m
enum { VZ_INTERNAL = 1, VZ_CONFIGURATION = 2, VZ_STATE = 3, VZ_TRANSITION = 4, VZ_DISK = 5, VZ_NETWORK = 7,
       VZ_UNSUPPORTED = 10, VZ_SAVE = 11, VZ_RESTORE = 12 };
NSError *vzError(NSInteger code, NSString *reason);
NSError *posixError(int code);
// Stores the error where one is wanted. Returns NO.
BOOL refuse(NSError **error, NSInteger code, NSString *reason);
void raiseArgument(NSString *reason) __attribute__((noreturn));
// What keeps descriptors and the like in C, and gives them back when it goes.
@interface VZKept : NSObject {
  @public
    void *kept;
    void (*giveBack)(void *);
}
+ (VZKept *)keep:(void *)kept with:(void (*)(void *))giveBack;
@end

// --- arguments.m
@interface VZPlan : NSObject {
  @public
    NSMutableArray *arguments;   // QEMU's
    NSMutableArray *descriptors; // NSNumbers: what QEMU inherits, closed after it was started
    NSMutableArray *shares;      // VZFolderServer, started before QEMU
    int vsock;                   // our end of the vhost-user socket, or -1
    int serial;                  // our end of the port that takes the place of vsock, or -1
    int monitor;                 // our end of QMP
}
@end
// Decides QEMU's arguments and makes the sockets. `restore`: the file whose state it begins with, or nil.
VZPlan *planFor(VZVirtualMachineConfiguration *configuration, NSString *restore, NSError **error);
// All that must be the same where a state is restored.
NSString *fingerprint(VZVirtualMachineConfiguration *configuration);

// --- process.m
// A child that ends with this process. `inherited` ends with -1: descriptors that it gets under the same numbers; all
// others are closed. It reads `input`, or nothing if that is -1, and writes to `output`. `ended` is called on a thread of
// its own.
pid_t spawnChild(char *const *argv, const int *inherited, int input, int output, void (^ended)(int status));
void killChild(pid_t pid);

// --- shares.m
@interface VZFolderServer : NSObject {
  @public
    NSString *tag;
    NSMutableSet *names; // of the folders that are shared
    int end;             // QEMU's end of the vhost-user socket
    int orders;          // what the keeper of the mounts reads; -1 before it runs
    pid_t pid;
}
- (id)initWithTag:(NSString *)tag;
// Begins to share, or changes what is shared.
- (BOOL)serve:(VZDirectoryShare *)share;
- (void)end;
@end

// --- qmp.m
@interface VZMonitor : NSObject {
    int descriptor;
    NSMutableDictionary *waiting; // answers by number
    unsigned long last;
    void (^onEvent)(NSString *name, NSDictionary *data);
    void (^onEnd)(void);
}
// Events and answers come on a thread of their own.
- (id)initWithDescriptor:(int)fd event:(void (^)(NSString *, NSDictionary *))event end:(void (^)(void))end;
- (void)execute:(NSString *)command with:(NSDictionary *)arguments then:(void (^)(id result, NSString *error))then;
- (void)close;
@end

// --- vmnet.m
// A new plug of the network, a datagram socket; -1 if there is none left.
int vmnetPlug(vmnet_network_ref network);
void vmnetKeep(vmnet_network_ref network);

#endif
