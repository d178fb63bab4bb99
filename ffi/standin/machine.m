// VZVirtualMachine: a QEMU, the states between which it goes, and the rules of its queue.
//
// As in the framework, all that is asked of a machine or its devices off its queue ends the process; what is not
// allowed in a state is an error; completion handlers and delegates are called on the queue.
#import "standin.h"
#import "machine.h"
#import <fcntl.h>
#import <objc/blocks_runtime.h>
#import <pthread.h>
#import <sys/mman.h>
#import <unistd.h>

@implementation VZRun
- (void)dealloc {
    [plan release];
    [monitor release];
    [shutdown release];
    if (errors >= 0) close(errors);
    [super dealloc];
}
@end

@implementation VZVirtualMachine

+ (BOOL)isSupported {
    return getenv("CTRVZ_STANDIN_UNSUPPORTED") == NULL;
}

- (VZState *)state_ {
    VZState *mine = own;
    dispatch_assert_queue(mine->queue);
    return mine;
}

- (instancetype)initWithConfiguration:(VZVirtualMachineConfiguration *)configuration queue:(dispatch_queue_t)queue {
    if (![configuration validateWithError:NULL]) {
        [self release];
        raiseArgument(@"The configuration is invalid.");
    }
    if ((self = [super init]) == nil) return nil;
    VZState *mine = own = calloc(1, sizeof *mine);
    mine->queue = queue;
    dispatch_retain(queue);
    mine->configuration = [configuration copy];
    [self put:makeDevices(self, mine) at:@"devices"];
    return self;
}

- (void)dealloc {
    VZState *mine = own;
    if (mine) {
        if (mine->run) killChild(mine->run->child);
        @autoreleasepool {
            for (VZDevice *device in [[self at:@"devices"] allValues]) [device cut];
        }
        [mine->run release];
        [mine->configuration release];
        dispatch_release(mine->queue);
        free(mine);
    }
    [super dealloc];
}

- (void)setDelegate:(id<VZVirtualMachineDelegate>)delegate {
    [self state_]->delegate = delegate; // not retained
}

- (VZVirtualMachineState)state {
    return [self state_]->state;
}

- (NSArray *)devices:(NSString *)kind {
    VZState *mine = [self state_];
    NSMutableArray *found = [NSMutableArray array];
    for (unsigned at = 0; at < [[mine->configuration at:kind] count]; at++) {
        [found addObject:[[self at:@"devices"] objectForKey:[NSString stringWithFormat:@"%@%u", kind, at]]];
    }
    return found;
}

- (NSArray *)socketDevices {
    return [self devices:@"vsock"];
}
- (NSArray *)networkDevices {
    return [self devices:@"nics"];
}
- (NSArray *)memoryBalloonDevices {
    return [self devices:@"balloon"];
}
- (NSArray *)directorySharingDevices {
    return [self devices:@"shares"];
}

// --- the end of QEMU -----------------------------------------------------------------------------------------

static NSString *lastWords(int errors) {
    char text[4096];
    off_t size = lseek(errors, 0, SEEK_END);
    ssize_t count = pread(errors, text, sizeof text, size > (off_t)sizeof text ? size - (off_t)sizeof text : 0);
    NSString *all = count > 0 ? [[[NSString alloc] initWithBytes:text length:(NSUInteger)count
                                                        encoding:NSUTF8StringEncoding] autorelease] : nil;
    NSArray *lines = [[all stringByTrimmingCharactersInSet:[NSCharacterSet newlineCharacterSet]]
        componentsSeparatedByString:@"\n"];
    return [[lines lastObject] length] ? [lines lastObject] : @"it said nothing";
}

// Once the process and its monitor's connection have both ended.
- (void)ended:(VZRun *)run {
    VZState *mine = [self state_];
    if (--run->parts > 0 || mine->run != run) return;
    for (VZDevice *device in [[self at:@"devices"] allValues]) [device cut];
    for (VZFolderServer *server in run->plan->shares) [server end];
    mine->run = nil;
    [run->monitor release]; // whose handlers hold the run
    run->monitor = nil;
    NSString *words = [NSString stringWithFormat:@"The virtual machine ended: %@", lastWords(run->errors)];
    BOOL byGuest = [[run->shutdown objectForKey:@"guest"] boolValue];
    VZVirtualMachineState before = mine->state;
    void (^handler)(NSError *) = mine->handler;
    mine->handler = NULL;
    mine->state = before == VZVirtualMachineStateStopping || byGuest ? VZVirtualMachineStateStopped
                                                                     : VZVirtualMachineStateError;
    if (handler) {
        handler(before == VZVirtualMachineStateStopping ? nil : vzError(VZ_INTERNAL, words));
        Block_release(handler);
    }
    id<VZVirtualMachineDelegate> delegate = mine->delegate;
    if (before == VZVirtualMachineStateStarting || before == VZVirtualMachineStateRestoring ||
        before == VZVirtualMachineStateStopping) {
        // the handler was told
    } else if (byGuest && [(id)delegate respondsToSelector:@selector(guestDidStopVirtualMachine:)]) {
        [delegate guestDidStopVirtualMachine:self];
    } else if (!byGuest && [(id)delegate respondsToSelector:@selector(virtualMachine:didStopWithError:)]) {
        [delegate virtualMachine:self didStopWithError:vzError(VZ_INTERNAL, words)];
    }
    [run release];
}

// --- its begin -----------------------------------------------------------------------------------------------

- (BOOL)launch:(NSString *)restore error:(NSError **)error {
    VZState *mine = own;
    VZPlan *plan = planFor(mine->configuration, restore, error);
    if (plan == nil) return NO;
    VZRun *run = [[VZRun alloc] init]; // ended: releases it
    run->plan = [plan retain];
    run->errors = memfd_create("qemu", MFD_CLOEXEC);
    run->parts = 2;
    int inherited[64], count = 0;
    for (NSNumber *each in plan->descriptors) inherited[count++] = [each intValue];
    inherited[count] = -1;
    char **argv = calloc([plan->arguments count] + 1, sizeof *argv);
    for (NSUInteger at = 0; at < [plan->arguments count]; at++) {
        argv[at] = (char *)[[plan->arguments objectAtIndex:at] UTF8String];
    }
    dispatch_queue_t queue = mine->queue;
    run->child = spawnChild(argv, inherited, -1, run->errors, ^(int status) {
        (void)status;
        dispatch_async(queue, ^{
            @autoreleasepool {
                run->child = -1;
                [self ended:run];
            }
        });
    });
    free(argv);
    for (NSNumber *each in plan->descriptors) close([each intValue]);
    [plan->descriptors removeAllObjects];
    mine->run = run;
    run->monitor = [[VZMonitor alloc] initWithDescriptor:plan->monitor
        event:^(NSString *name, NSDictionary *data) {
            if (![name isEqualToString:@"SHUTDOWN"]) return;
            dispatch_async(queue, ^{
                [run->shutdown release];
                run->shutdown = [data retain];
            });
        }
        end:^{
            dispatch_async(queue, ^{
                @autoreleasepool {
                    [self ended:run];
                }
            });
        }];
    [run->monitor execute:@"qmp_capabilities" with:nil then:^(id result, NSString *failure) {
        (void)result, (void)failure;
    }];
    for (VZDevice *device in [[self at:@"devices"] allValues]) [device join:run];
    return YES;
}

// A handler that waits until a command is done. `then` runs on the queue and says how it went.
- (void)command:(NSString *)command with:(NSDictionary *)arguments then:(void (^)(id result, NSString *error))then {
    VZState *mine = own;
    VZRun *run = mine->run;
    dispatch_queue_t queue = mine->queue;
    [run->monitor execute:command with:arguments then:^(id result, NSString *error) {
        dispatch_async(queue, ^{
            @autoreleasepool {
                if (mine->run == run) then(result, error); // else ended: has told
            }
        });
    }];
}

- (void)finish:(VZVirtualMachineState)state error:(NSError *)error {
    VZState *mine = own;
    void (^handler)(NSError *) = mine->handler;
    mine->handler = NULL;
    mine->state = state;
    if (handler == NULL) return;
    handler(error);
    Block_release(handler);
}

// NO, and the handler is called, unless the state is one of those.
- (BOOL)from:(unsigned)states to:(VZVirtualMachineState)next handler:(void (^)(NSError *))handler {
    VZState *mine = [self state_];
    if (handler == NULL) raiseArgument(@"The completion handler is missing.");
    if (states & 1u << mine->state) {
        mine->handler = Block_copy(handler);
        mine->state = next;
        return YES;
    }
    NSString *reason = [NSString stringWithFormat:@"Transition from state “%ld” is not allowed.", (long)mine->state];
    void (^later)(NSError *) = handler;
    dispatch_async(mine->queue, ^{
        @autoreleasepool {
            later(vzError(VZ_TRANSITION, reason));
        }
    });
    return NO;
}

#define STOPPED (1u << VZVirtualMachineStateStopped)
#define FAILED (1u << VZVirtualMachineStateError)
#define RUNNING (1u << VZVirtualMachineStateRunning)
#define PAUSED (1u << VZVirtualMachineStatePaused)

- (void)startWithCompletionHandler:(void (^)(NSError *))handler {
    if (![self from:STOPPED | FAILED to:VZVirtualMachineStateStarting handler:handler]) return;
    NSError *error = nil;
    if (![self launch:nil error:&error]) return [self finish:VZVirtualMachineStateError error:error];
    [self command:@"cont" with:nil then:^(id result, NSString *failure) {
        (void)result;
        if (failure == nil) [self finish:VZVirtualMachineStateRunning error:nil];
    }];
}

- (void)pauseWithCompletionHandler:(void (^)(NSError *))handler {
    if (![self from:RUNNING to:VZVirtualMachineStatePausing handler:handler]) return;
    [self command:@"stop" with:nil then:^(id result, NSString *failure) {
        (void)result;
        if (failure == nil) [self finish:VZVirtualMachineStatePaused error:nil];
    }];
}

- (void)resumeWithCompletionHandler:(void (^)(NSError *))handler {
    if (![self from:PAUSED to:VZVirtualMachineStateResuming handler:handler]) return;
    [self command:@"cont" with:nil then:^(id result, NSString *failure) {
        (void)result;
        if (failure == nil) [self finish:VZVirtualMachineStateRunning error:nil];
    }];
}

- (void)stopWithCompletionHandler:(void (^)(NSError *))handler {
    if (![self from:RUNNING | PAUSED to:VZVirtualMachineStateStopping handler:handler]) return;
    VZState *mine = own;
    killChild(mine->run->child);
}

- (BOOL)requestStopWithError:(NSError **)error {
    VZState *mine = [self state_];
    if (mine->state != VZVirtualMachineStateRunning) {
        return refuse(error, VZ_STATE, @"The virtual machine does not run.");
    }
    [self command:@"system_powerdown" with:nil then:^(id result, NSString *failure) {
        (void)result, (void)failure;
    }];
    return YES;
}

// --- save and restore ----------------------------------------------------------------------------------------
// The file is QEMU's stream of a migration; behind it what must be the same where it is restored.

static const char MARK[8] = "CTRVZST1";

- (void)watchSaving:(NSString *)path then:(void (^)(NSError *))then {
    [self command:@"query-migrate" with:nil then:^(id result, NSString *failure) {
        NSString *status = failure ? @"failed" : [result objectForKey:@"status"];
        if ([status isEqualToString:@"completed"]) return then(nil);
        if ([status isEqualToString:@"failed"]) {
            return then(vzError(VZ_SAVE, failure ? failure : @"The state could not be saved."));
        }
        usleep(10000);
        [self watchSaving:path then:then];
    }];
}

static BOOL appendFingerprint(NSString *path, VZVirtualMachineConfiguration *configuration) {
    NSData *facts = [fingerprint(configuration) dataUsingEncoding:NSUTF8StringEncoding];
    uint64_t length = [facts length];
    int file = open([path fileSystemRepresentation], O_WRONLY | O_APPEND | O_CLOEXEC);
    BOOL done = file >= 0 && write(file, [facts bytes], length) == (ssize_t)length &&
                write(file, &length, 8) == 8 && write(file, MARK, 8) == 8;
    if (file >= 0) close(file);
    return done;
}

- (void)saveMachineStateToURL:(NSURL *)URL completionHandler:(void (^)(NSError *))handler {
    if (![self from:PAUSED to:VZVirtualMachineStateSaving handler:handler]) return;
    VZState *mine = own;
    NSString *path = [URL path];
    NSError *error = nil;
    BOOL can = [mine->configuration validateSaveRestoreSupportWithError:&error];
    if (can && access([path fileSystemRepresentation], F_OK) == 0) error = vzError(VZ_SAVE, @"The file exists.");
    if (error) return [self finish:VZVirtualMachineStatePaused error:error];
    NSString *quoted = [path stringByReplacingOccurrencesOfString:@"'" withString:@"'\\''"];
    NSString *uri = [NSString stringWithFormat:@"exec:cat > '%@'", quoted];
    [self command:@"migrate" with:@{ @"uri" : uri } then:^(id result, NSString *failure) {
        (void)result;
        if (failure) return [self finish:VZVirtualMachineStatePaused error:vzError(VZ_SAVE, failure)];
        [self watchSaving:path then:^(NSError *problem) {
            if (problem == nil && !appendFingerprint(path, mine->configuration)) problem = posixError(errno);
            [self finish:VZVirtualMachineStatePaused error:problem];
        }];
    }];
}

static BOOL fits(NSString *path, VZVirtualMachineConfiguration *configuration) {
    NSData *all = [NSData dataWithContentsOfMappedFile:path];
    NSData *facts = [fingerprint(configuration) dataUsingEncoding:NSUTF8StringEncoding];
    NSUInteger size = [all length], length = [facts length];
    const char *bytes = [all bytes];
    return size > length + 16 && memcmp(bytes + size - 8, MARK, 8) == 0 &&
           memcmp(bytes + size - 16, &length, 8) == 0 && memcmp(bytes + size - 16 - length, [facts bytes], length) == 0;
}

- (void)watchRestoring {
    [self command:@"query-status" with:nil then:^(id result, NSString *failure) {
        (void)failure;
        if (![[result objectForKey:@"status"] isEqualToString:@"inmigrate"]) {
            return [self finish:VZVirtualMachineStatePaused error:nil];
        }
        usleep(10000);
        [self watchRestoring];
    }];
}

- (void)restoreMachineStateFromURL:(NSURL *)URL completionHandler:(void (^)(NSError *))handler {
    if (![self from:STOPPED to:VZVirtualMachineStateRestoring handler:handler]) return;
    VZState *mine = own;
    NSError *error = nil;
    if (access([[URL path] fileSystemRepresentation], R_OK) != 0) error = posixError(errno);
    else if (!fits([URL path], mine->configuration)) error = vzError(VZ_RESTORE, @"Invalid argument.");
    if (error || ![self launch:[URL path] error:&error]) return [self finish:VZVirtualMachineStateStopped error:error];
    [self watchRestoring];
}

@end
