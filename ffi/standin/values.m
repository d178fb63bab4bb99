// Objects that hold what they were given, and check it as far as the framework is known to.
#import "standin.h"
#import <fcntl.h>
#import <sys/stat.h>
#import <unistd.h>

// How many objects live, for tests: what the shim does not release is found by it.
static int32_t living;
CTR_SEEN int32_t ctrvzStandInLiving(void);
int32_t ctrvzStandInLiving(void) {
    return __atomic_load_n(&living, __ATOMIC_SEQ_CST);
}

@implementation VZStandIn
+ (id)allocWithZone:(NSZone *)zone {
    __atomic_fetch_add(&living, 1, __ATOMIC_SEQ_CST);
    return [super allocWithZone:zone];
}
- (id)init {
    if ((self = [super init])) values = [[NSMutableDictionary alloc] init];
    return self;
}
- (void)dealloc {
    __atomic_fetch_sub(&living, 1, __ATOMIC_SEQ_CST);
    [values release];
    [super dealloc];
}
- (id)at:(NSString *)key {
    return [values objectForKey:key];
}
- (void)put:(id)value at:(NSString *)key {
    if (value) [values setObject:value forKey:key];
    else [values removeObjectForKey:key];
}
// Deep for lists, which a configuration owns; attachments are shared, as theirs are.
- (id)copyWithZone:(NSZone *)zone {
    VZStandIn *copy = [[[self class] allocWithZone:zone] init];
    for (NSString *key in [values allKeys]) {
        id value = [values objectForKey:key];
        if ([value isKindOfClass:[NSArray class]]) value = [[[NSArray alloc] initWithArray:value copyItems:YES] autorelease];
        [copy->values setObject:value forKey:key];
    }
    return copy;
}
@end

// Classes are made ready at their first use, under a lock of the runtime and locks of GNUstep: two threads that do so
// at once can wait for each other for ever. So one does, before the first queue has its thread.
void makeClassesReady(void);
void makeClassesReady(void) {
    @autoreleasepool {
        NSDictionary *sample = @{ @"a" : @[ @1, @"ü", [NSNull null], [NSNumber numberWithBool:YES] ] };
        NSData *json = [NSJSONSerialization dataWithJSONObject:sample options:0 error:NULL];
        NSDictionary *back = [NSJSONSerialization JSONObjectWithData:json options:0 error:NULL];
        [[NSMutableDictionary dictionaryWithDictionary:back] allKeys];
        [[NSMutableArray arrayWithArray:[back objectForKey:@"a"]] componentsJoinedByString:@" "];
        [[NSMutableData dataWithData:json] base64EncodedStringWithOptions:0];
        [[NSURL fileURLWithPath:@"/"] path];
        [[NSFileManager defaultManager] fileExistsAtPath:@"/"];
        [[NSProcessInfo processInfo] operatingSystemVersionString];
        [[[[NSFileHandle alloc] initWithFileDescriptor:-1 closeOnDealloc:NO] autorelease] fileDescriptor];
        [[NSError errorWithDomain:NSPOSIXErrorDomain code:1 userInfo:nil] localizedDescription];
        [[NSValue valueWithPointer:NULL] pointerValue];
        [[NSMutableString string] appendFormat:@"%@ %lu", [NSMutableSet set], 1UL];
        @try {
            [NSException raise:NSInvalidArgumentException format:@"%d", 1];
        } @catch (NSException *exception) {
            [[exception userInfo] objectForKey:@"error"];
        }
        @synchronized(sample) {
            [NSThread currentThread];
        }
        for (NSString *name in [NSArray arrayWithObjects:@"VZMonitor", @"VZRun", @"VZPlan", @"VZFolderServer", @"VZKeychain",
                                    @"CTRMachine", @"CTRNetwork", nil]) [NSClassFromString(name) class];
        for (NSString *name in [NSArray arrayWithObjects:@"VZVirtualMachine", @"VZVirtualMachineConfiguration",
                                    @"VZVirtioSocketDevice", @"VZVirtioSocketConnection", @"VZVirtioSocketListener",
                                    @"VZVirtioFileSystemDevice", @"VZNetworkDevice", nil]) [NSClassFromString(name) class];
    }
}

@implementation VZKept
+ (VZKept *)keep:(void *)kept with:(void (*)(void *))giveBack {
    VZKept *made = [[[self alloc] init] autorelease];
    made->kept = kept;
    made->giveBack = giveBack;
    return made;
}
- (void)dealloc {
    giveBack(kept);
    [super dealloc];
}
@end

NSString *const VZErrorDomain = @"VZErrorDomain";

NSError *vzError(NSInteger code, NSString *reason) {
    NSDictionary *info = @{ NSLocalizedDescriptionKey : @"The operation could not be completed.",
                            NSLocalizedFailureReasonErrorKey : reason };
    return [NSError errorWithDomain:VZErrorDomain code:code userInfo:info];
}

NSError *posixError(int code) {
    return [NSError errorWithDomain:NSPOSIXErrorDomain code:code userInfo:nil];
}

BOOL refuse(NSError **error, NSInteger code, NSString *reason) {
    if (error) *error = vzError(code, reason);
    return NO;
}

void raiseArgument(NSString *reason) {
    [NSException raise:NSInvalidArgumentException format:@"%@", reason];
    abort();
}

#define SETTER(name, type, key) \
    - (void)name:(type)value { [self put:value at:key]; }

@implementation VZBootLoader
@end
@implementation VZLinuxBootLoader
- (instancetype)initWithKernelURL:(NSURL *)kernelURL {
    if ((self = [self init])) [self put:kernelURL at:@"kernel"];
    return self;
}
SETTER(setCommandLine, NSString *, @"commandLine")
SETTER(setInitialRamdiskURL, NSURL *, @"initrd")
@end

// Sixteen bytes behind a mark.
@implementation VZGenericMachineIdentifier
- (instancetype)init {
    uint8_t bytes[20] = "VZid";
    if ((self = [super init]) == nil) return nil;
    int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (read(random, bytes + 4, 16) != 16) abort();
    close(random);
    [self put:[NSData dataWithBytes:bytes length:sizeof bytes] at:@"data"];
    return self;
}
- (instancetype)initWithDataRepresentation:(NSData *)data {
    if ([data length] != 20 || memcmp([data bytes], "VZid", 4) != 0) {
        [self release];
        return nil;
    }
    if ((self = [super init])) [self put:data at:@"data"];
    return self;
}
- (NSData *)dataRepresentation {
    return [self at:@"data"];
}
@end

@implementation VZPlatformConfiguration
@end
@implementation VZGenericPlatformConfiguration
+ (BOOL)isNestedVirtualizationSupported {
    return getenv("CTRVZ_STANDIN_NESTED") != NULL;
}
- (instancetype)init {
    if ((self = [super init])) [self setMachineIdentifier:[[[VZGenericMachineIdentifier alloc] init] autorelease]];
    return self;
}
SETTER(setMachineIdentifier, VZGenericMachineIdentifier *, @"machineIdentifier")
- (void)setNestedVirtualizationEnabled:(BOOL)enabled {
    [self put:[NSNumber numberWithBool:enabled] at:@"nested"];
}
@end

@implementation VZStorageDeviceAttachment
@end
@implementation VZDiskImageStorageDeviceAttachment
- (instancetype)initWithURL:(NSURL *)URL
                   readOnly:(BOOL)readOnly
                cachingMode:(VZDiskImageCachingMode)caching
        synchronizationMode:(VZDiskImageSynchronizationMode)sync
                      error:(NSError **)error {
    struct stat status;
    int file = open([[URL path] fileSystemRepresentation], (readOnly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    BOOL fits = file >= 0 && fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_size % 512 == 0;
    if (file >= 0) close(file);
    if (caching < 0 || caching > 2 || sync < 1 || sync > 3) {
        [self release];
        raiseArgument(@"no such mode of caching or synchronization");
    }
    if (!fits) {
        refuse(error, VZ_DISK, @"The storage device attachment is invalid.");
        [self release];
        return nil;
    }
    if ((self = [self init]) == nil) return nil;
    [self put:URL at:@"URL"];
    [self put:[NSNumber numberWithBool:readOnly] at:@"readOnly"];
    [self put:[NSNumber numberWithInteger:caching] at:@"caching"];
    [self put:[NSNumber numberWithInteger:sync] at:@"sync"];
    return self;
}
@end

@implementation VZStorageDeviceConfiguration
@end
@implementation VZVirtioBlockDeviceConfiguration
+ (BOOL)validateBlockDeviceIdentifier:(NSString *)identifier error:(NSError **)error {
    if ([identifier dataUsingEncoding:NSASCIIStringEncoding] == nil || [identifier length] > 20) {
        return refuse(error, VZ_CONFIGURATION, @"The block device identifier is not 20 ASCII characters or fewer.");
    }
    return YES;
}
- (instancetype)initWithAttachment:(VZStorageDeviceAttachment *)attachment {
    if ((self = [self init])) [self put:attachment at:@"attachment"];
    return self;
}
- (void)setBlockDeviceIdentifier:(NSString *)identifier {
    if (![[self class] validateBlockDeviceIdentifier:identifier error:NULL]) raiseArgument(@"Invalid block device identifier.");
    [self put:identifier at:@"serial"];
}
@end

@implementation VZMACAddress
- (instancetype)initWithString:(NSString *)string {
    unsigned b[6];
    char end;
    BOOL fits = [string length] == 17 && sscanf([string UTF8String], "%2x:%2x:%2x:%2x:%2x:%2x%c", b, b + 1, b + 2,
                                                b + 3, b + 4, b + 5, &end) == 6;
    if (!fits) {
        [self release];
        return nil;
    }
    if ((self = [self init])) [self put:[string lowercaseString] at:@"string"];
    return self;
}
- (ether_addr_t)ethernetAddress {
    unsigned b[6];
    ether_addr_t address;
    sscanf([[self at:@"string"] UTF8String], "%2x:%2x:%2x:%2x:%2x:%2x", b, b + 1, b + 2, b + 3, b + 4, b + 5);
    for (int at = 0; at < 6; at++) address.ether_addr_octet[at] = (uint8_t)b[at];
    return address;
}
@end

@implementation VZNetworkDeviceAttachment
@end
@implementation VZFileHandleNetworkDeviceAttachment
- (instancetype)initWithFileHandle:(NSFileHandle *)handle {
    int type = 0;
    socklen_t length = sizeof type;
    if (getsockopt([handle fileDescriptor], SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_DGRAM) {
        [self release];
        raiseArgument(@"The file handle is not a datagram socket.");
    }
    if ((self = [self init])) [self put:handle at:@"handle"];
    return self;
}
- (void)setMaximumTransmissionUnit:(NSInteger)unit {
    [self put:[NSNumber numberWithInteger:unit] at:@"mtu"];
}
@end
@implementation VZNATNetworkDeviceAttachment
- (instancetype)init {
    return [super init];
}
@end
@implementation VZVmnetNetworkDeviceAttachment
- (instancetype)initWithNetwork:(vmnet_network_ref)network {
    if ((self = [self init]) == nil) return nil;
    vmnetKeep(network);
    [self put:[VZKept keep:network with:(void (*)(void *))CFRelease] at:@"network"];
    return self;
}
@end
@implementation VZNetworkDeviceConfiguration
SETTER(setMACAddress, VZMACAddress *, @"mac")
SETTER(setAttachment, VZNetworkDeviceAttachment *, @"attachment")
@end
@implementation VZVirtioNetworkDeviceConfiguration
- (instancetype)init {
    return [super init];
}
@end

@implementation VZSerialPortAttachment
@end
@implementation VZFileSerialPortAttachment
- (instancetype)initWithURL:(NSURL *)URL append:(BOOL)append error:(NSError **)error {
    int mode = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC);
    int file = open([[URL path] fileSystemRepresentation], mode, 0644);
    if (file < 0) {
        if (error) *error = posixError(errno);
        [self release];
        return nil;
    }
    if ((self = [self init]) == nil) return nil;
    [self put:[[[NSFileHandle alloc] initWithFileDescriptor:file closeOnDealloc:YES] autorelease] at:@"output"];
    return self;
}
@end
@implementation VZFileHandleSerialPortAttachment
- (instancetype)initWithFileHandleForReading:(NSFileHandle *)input fileHandleForWriting:(NSFileHandle *)output {
    if ((self = [self init]) == nil) return nil;
    [self put:input at:@"input"];
    [self put:output at:@"output"];
    return self;
}
@end
@implementation VZSerialPortConfiguration
SETTER(setAttachment, VZSerialPortAttachment *, @"attachment")
@end
@implementation VZVirtioConsoleDeviceSerialPortConfiguration
- (instancetype)init {
    return [super init];
}
@end

@implementation VZSharedDirectory
- (instancetype)initWithURL:(NSURL *)URL readOnly:(BOOL)readOnly {
    if ((self = [self init]) == nil) return nil;
    [self put:URL at:@"URL"];
    [self put:[NSNumber numberWithBool:readOnly] at:@"readOnly"];
    return self;
}
@end
@implementation VZDirectoryShare
@end
@implementation VZSingleDirectoryShare
- (instancetype)initWithDirectory:(VZSharedDirectory *)directory {
    if ((self = [self init])) [self put:directory at:@"directory"];
    return self;
}
@end
@implementation VZMultipleDirectoryShare
+ (BOOL)validateName:(NSString *)name error:(NSError **)error {
    BOOL fits = [name length] > 0 && [name lengthOfBytesUsingEncoding:NSUTF8StringEncoding] <= 255 &&
                ![name isEqualToString:@"."] && ![name isEqualToString:@".."] &&
                [name rangeOfString:@"/"].location == NSNotFound;
    return fits ? YES : refuse(error, VZ_CONFIGURATION, @"The directory name is invalid.");
}
- (instancetype)initWithDirectories:(NSDictionary *)directories {
    for (NSString *name in [directories allKeys]) {
        if (![[self class] validateName:name error:NULL]) {
            [self release];
            raiseArgument(@"Invalid name of a shared directory.");
        }
    }
    if ((self = [self init])) [self put:directories at:@"directories"];
    return self;
}
@end
// Installed where CTRVZ_STANDIN_ROSETTA names a folder; missing where it is empty.
@implementation VZLinuxRosettaDirectoryShare
+ (VZLinuxRosettaAvailability)availability {
    const char *folder = getenv("CTRVZ_STANDIN_ROSETTA");
    if (folder == NULL) return VZLinuxRosettaAvailabilityNotSupported;
    return *folder ? VZLinuxRosettaAvailabilityInstalled : VZLinuxRosettaAvailabilityNotInstalled;
}
+ (void)installRosettaWithCompletionHandler:(void (^)(NSError *))handler {
    VZLinuxRosettaAvailability found = [self availability];
    dispatch_queue_t any = dispatch_queue_create("rosetta", DISPATCH_QUEUE_SERIAL);
    dispatch_async(any, ^{
        @autoreleasepool {
            if (found == VZLinuxRosettaAvailabilityInstalled) handler(nil);
            else handler(vzError(VZ_UNSUPPORTED, @"Rosetta is not supported on this host."));
        }
    });
    dispatch_release(any);
}
- (instancetype)initWithError:(NSError **)error {
    if ([[self class] availability] != VZLinuxRosettaAvailabilityInstalled) {
        refuse(error, VZ_UNSUPPORTED, @"Rosetta is not installed.");
        [self release];
        return nil;
    }
    if ((self = [self init]) == nil) return nil;
    NSString *folder = [NSString stringWithUTF8String:getenv("CTRVZ_STANDIN_ROSETTA")];
    VZSharedDirectory *directory = [[VZSharedDirectory alloc] initWithURL:[NSURL fileURLWithPath:folder] readOnly:YES];
    [self put:[directory autorelease] at:@"directory"];
    return self;
}
@end
@implementation VZDirectorySharingDeviceConfiguration
@end
@implementation VZVirtioFileSystemDeviceConfiguration
+ (BOOL)validateTag:(NSString *)tag error:(NSError **)error {
    NSUInteger length = [tag lengthOfBytesUsingEncoding:NSUTF8StringEncoding];
    if (length > 0 && length < 36) return YES;
    return refuse(error, VZ_CONFIGURATION, @"The tag must be shorter than 36 bytes and not empty.");
}
- (instancetype)initWithTag:(NSString *)tag {
    if (![[self class] validateTag:tag error:NULL]) {
        [self release];
        raiseArgument(@"Invalid tag.");
    }
    if ((self = [self init])) [self put:tag at:@"tag"];
    return self;
}
SETTER(setShare, VZDirectoryShare *, @"share")
@end

#define PLAIN(name) \
    @implementation name \
    - (instancetype)init { return [super init]; } \
    @end

@implementation VZEntropyDeviceConfiguration
@end
PLAIN(VZVirtioEntropyDeviceConfiguration)
@implementation VZMemoryBalloonDeviceConfiguration
@end
PLAIN(VZVirtioTraditionalMemoryBalloonDeviceConfiguration)
@implementation VZSocketDeviceConfiguration
@end
PLAIN(VZVirtioSocketDeviceConfiguration)
