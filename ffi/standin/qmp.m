// A client of QEMU's machine protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
#import "standin.h"
#import <errno.h>
#import <objc/blocks_runtime.h>
#import <pthread.h>
#import <sys/socket.h>
#import <unistd.h>

typedef void (^Then)(id result, NSString *error);

@interface VZMonitor (Private)
- (void)read;
@end

static void *readMonitor(void *argument) {
    @autoreleasepool {
        [(VZMonitor *)argument read];
        [(VZMonitor *)argument release];
    }
    return NULL;
}

@implementation VZMonitor

- (id)initWithDescriptor:(int)fd event:(void (^)(NSString *, NSDictionary *))event end:(void (^)(void))end {
    if ((self = [super init]) == nil) return nil;
    descriptor = fd;
    waiting = [[NSMutableDictionary alloc] init];
    onEvent = Block_copy(event);
    onEnd = Block_copy(end);
    pthread_t thread;
    if (pthread_create(&thread, NULL, readMonitor, [self retain]) != 0) abort();
    pthread_detach(thread);
    return self;
}

- (void)dealloc {
    close(descriptor);
    [waiting release];
    Block_release(onEvent);
    Block_release(onEnd);
    [super dealloc];
}

- (void)execute:(NSString *)command with:(NSDictionary *)arguments then:(Then)then {
    @synchronized(self) {
        NSNumber *number = [NSNumber numberWithUnsignedLong:++last];
        // A number holds the block: a dictionary retains objects alone.
        void *copy = Block_copy(then);
        [waiting setObject:[NSValue valueWithPointer:copy] forKey:number];
        NSDictionary *message = @{ @"execute" : command, @"arguments" : arguments ? arguments : @{}, @"id" : number };
        NSMutableData *line = [NSMutableData dataWithData:[NSJSONSerialization dataWithJSONObject:message
                                                                                           options:0
                                                                                             error:NULL]];
        [line appendBytes:"\n" length:1];
        // Its thread sees the end if this fails.
        if (send(descriptor, [line bytes], [line length], MSG_NOSIGNAL) < 0) return;
    }
}

- (void)close {
    shutdown(descriptor, SHUT_RDWR);
}

- (void)answer:(NSNumber *)number result:(id)result error:(NSString *)error {
    Then then = nil;
    @synchronized(self) {
        then = [[waiting objectForKey:number] pointerValue];
        [waiting removeObjectForKey:number];
    }
    if (then == nil) return;
    then(result, error);
    Block_release(then);
}

- (void)take:(NSData *)line {
    NSDictionary *message = [NSJSONSerialization JSONObjectWithData:line options:0 error:NULL];
    if ([message objectForKey:@"event"]) onEvent([message objectForKey:@"event"], [message objectForKey:@"data"]);
    NSNumber *number = [message objectForKey:@"id"];
    if (number == nil) return;
    number = [NSNumber numberWithUnsignedLong:[number unsignedLongValue]];
    NSString *error = [[message objectForKey:@"error"] objectForKey:@"desc"];
    [self answer:number result:[message objectForKey:@"return"] error:error];
}

- (void)read {
    NSMutableData *pending = [NSMutableData data];
    char buffer[16384];
    ssize_t count;
    while ((count = recv(descriptor, buffer, sizeof buffer, 0)) > 0 || (count < 0 && errno == EINTR)) {
        @autoreleasepool {
            if (count > 0) [pending appendBytes:buffer length:(NSUInteger)count];
            for (;;) {
                const char *bytes = [pending bytes], *end = memchr(bytes, '\n', [pending length]);
                if (end == NULL) break;
                NSUInteger length = (NSUInteger)(end - bytes);
                [self take:[pending subdataWithRange:NSMakeRange(0, length)]];
                [pending replaceBytesInRange:NSMakeRange(0, length + 1) withBytes:NULL length:0];
            }
        }
    }
    for (NSNumber *number in [waiting allKeys]) [self answer:number result:nil error:@"QEMU has ended"];
    onEnd();
}

@end
