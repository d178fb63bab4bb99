// The devices of a machine. Like the machine they are used on its queue alone.
#import "machine.h"
#import <errno.h>
#import <unistd.h>

typedef struct {
    VZVirtualMachine *machine; // not retained: it owns its devices
    VZState *state;
    VZRun *run;
    struct vsock *vsock;
    struct serial *serial;
    unsigned at;
} Device;

static Device *checked(VZStandIn *object) {
    Device *device = object->own;
    dispatch_assert_queue(device->state->queue);
    return device;
}

static id make(Class kind, VZVirtualMachine *machine, VZState *state, unsigned at) {
    VZStandIn *made = [[[kind alloc] init] autorelease];
    Device *device = made->own = calloc(1, sizeof *device);
    device->machine = machine;
    device->state = state;
    device->at = at;
    return made;
}

#define DEVICE \
    - (void)dealloc { \
        free(own); \
        [super dealloc]; \
    } \
    - (void)join:(VZRun *)run { ((Device *)own)->run = run; } \
    - (void)cut { ((Device *)own)->run = nil; }

// --- connections ---------------------------------------------------------------------------------------------

typedef struct {
    int descriptor;
    uint32_t destination;
} Connection;

@implementation VZVirtioSocketConnection
static VZVirtioSocketConnection *connectionOf(int descriptor, uint32_t destination) {
    VZVirtioSocketConnection *made = [[[VZVirtioSocketConnection alloc] init] autorelease];
    Connection *connection = made->own = calloc(1, sizeof *connection);
    connection->descriptor = descriptor;
    connection->destination = destination;
    return made;
}
- (void)dealloc {
    [self close];
    free(own);
    [super dealloc];
}
- (uint32_t)destinationPort {
    return ((Connection *)own)->destination;
}
- (int)fileDescriptor {
    return ((Connection *)own)->descriptor;
}
- (void)close {
    Connection *connection = own;
    if (connection->descriptor >= 0) close(connection->descriptor);
    connection->descriptor = -1;
}
@end

@implementation VZVirtioSocketListener
- (instancetype)init {
    return [super init];
}
- (void)setDelegate:(id<VZVirtioSocketListenerDelegate>)delegate {
    own = (void *)delegate; // not retained
}
@end

// --- the socket device ---------------------------------------------------------------------------------------

@implementation VZSocketDevice
@end
@interface VZVirtioSocketDevice () <VZDevice>
@end
@implementation VZVirtioSocketDevice

- (void)dealloc {
    free(own);
    [super dealloc];
}

- (void)ask:(uint32_t)port descriptor:(int)descriptor answer:(vsock_answer)answer {
    VZVirtioSocketListener *listener = [self at:[NSString stringWithFormat:@"%u", port]];
    id<VZVirtioSocketListenerDelegate> delegate = listener ? (id)listener->own : nil;
    VZVirtioSocketConnection *connection = connectionOf(descriptor, port);
    SEL question = @selector(listener:shouldAcceptNewConnection:fromSocketDevice:);
    BOOL accepted = [(id)delegate respondsToSelector:question] &&
                    [delegate listener:listener shouldAcceptNewConnection:connection fromSocketDevice:self];
    answer(accepted);
}

- (void)join:(VZRun *)run {
    Device *device = own;
    device->run = run;
    dispatch_queue_t queue = device->state->queue;
    if (run->plan->serial >= 0) device->serial = serialStart(run->plan->serial);
    if (run->plan->vsock < 0) return;
    device->vsock = vsockStart(run->plan->vsock, ^(struct vsock *vsock, uint32_t port, uint32_t source, int descriptor,
                                                   vsock_answer answer) {
        (void)source;
        dispatch_async(queue, ^{
            @autoreleasepool {
                if (device->vsock == vsock) [self ask:port descriptor:descriptor answer:answer];
                else close(descriptor);
            }
        });
    });
    for (NSString *port in [values allKeys]) vsockListen(device->vsock, (uint32_t)[port longLongValue], 1);
}

- (void)cut {
    Device *device = own;
    if (device->vsock) vsockEnd(device->vsock);
    if (device->serial) serialEnd(device->serial);
    device->vsock = NULL;
    device->serial = NULL;
    device->run = nil;
}

- (void)setSocketListener:(VZVirtioSocketListener *)listener forPort:(uint32_t)port {
    Device *device = checked(self);
    [self put:listener at:[NSString stringWithFormat:@"%u", port]];
    if (device->vsock) vsockListen(device->vsock, port, 1);
}

- (void)removeSocketListenerForPort:(uint32_t)port {
    Device *device = checked(self);
    [self put:nil at:[NSString stringWithFormat:@"%u", port]];
    if (device->vsock) vsockListen(device->vsock, port, 0);
}

- (void)connectToPort:(uint32_t)port
    completionHandler:(void (^)(VZVirtioSocketConnection *, NSError *))handler {
    Device *device = checked(self);
    dispatch_queue_t queue = device->state->queue;
    if (device->vsock == NULL && (device->serial == NULL || port != 1024)) {
        int why = device->serial ? ECONNRESET : ENOTCONN;
        dispatch_async(queue, ^{
            @autoreleasepool {
                handler(nil, posixError(why));
            }
        });
        return;
    }
    vsock_connected then = ^(int descriptor, int error) {
        dispatch_async(queue, ^{
            @autoreleasepool {
                if (descriptor < 0) handler(nil, posixError(error));
                else handler(connectionOf(descriptor, port), nil);
            }
        });
    };
    if (device->vsock) vsockConnect(device->vsock, port, then);
    else serialConnect(device->serial, then);
}

@end

// --- network, balloon, shares --------------------------------------------------------------------------------

@interface VZNetworkDevice () <VZDevice>
@end
@implementation VZNetworkDevice
DEVICE
@end

@implementation VZMemoryBalloonDevice
@end
@interface VZVirtioTraditionalMemoryBalloonDevice () <VZDevice>
@end
@implementation VZVirtioTraditionalMemoryBalloonDevice
DEVICE
- (void)setTargetVirtualMachineMemorySize:(uint64_t)size {
    Device *device = checked(self);
    uint64_t whole = [[device->state->configuration at:@"memory"] unsignedLongLongValue];
    uint64_t least = [VZVirtualMachineConfiguration minimumAllowedMemorySize];
    if (size % (1 << 20)) raiseArgument(@"The target memory size is not a multiple of 1 MiB.");
    uint64_t target = size < least ? least : size > whole ? whole : size;
    NSDictionary *arguments = @{ @"value" : [NSNumber numberWithUnsignedLongLong:target] };
    if (device->run == nil) return;
    [device->run->monitor execute:@"balloon" with:arguments then:^(id result, NSString *error) {
        (void)result, (void)error;
    }];
}
@end

@implementation VZDirectorySharingDevice
@end
@interface VZVirtioFileSystemDevice () <VZDevice>
@end
@implementation VZVirtioFileSystemDevice
DEVICE
- (NSString *)tag {
    Device *device = checked(self);
    return [[[device->state->configuration at:@"shares"] objectAtIndex:device->at] at:@"tag"];
}
- (void)setShare:(VZDirectoryShare *)share {
    Device *device = checked(self);
    [[[device->state->configuration at:@"shares"] objectAtIndex:device->at] setShare:share];
    if (device->run) [[device->run->plan->shares objectAtIndex:device->at] serve:share];
}
@end

NSDictionary *makeDevices(VZVirtualMachine *machine, VZState *state) {
    NSDictionary *kinds = @{ @"vsock" : [VZVirtioSocketDevice class], @"nics" : [VZNetworkDevice class],
                             @"balloon" : [VZVirtioTraditionalMemoryBalloonDevice class],
                             @"shares" : [VZVirtioFileSystemDevice class] };
    NSMutableDictionary *devices = [NSMutableDictionary dictionary];
    for (NSString *kind in [kinds allKeys]) {
        for (unsigned at = 0; at < [[state->configuration at:kind] count]; at++) {
            id device = make([kinds objectForKey:kind], machine, state, at);
            [devices setObject:device forKey:[NSString stringWithFormat:@"%@%u", kind, at]];
        }
    }
    return devices;
}
