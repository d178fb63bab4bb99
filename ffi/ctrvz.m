// Virtualization.framework, vmnet, the Keychain and os_log behind a flat C interface: see ctrvz.h and README.md.
//
// Memory is managed by hand, the same on macOS and on Linux, where tests run this source against classes that stand
// in for Apple's. Every object has one owner: handles own machines and networks, a machine owns its VM. All else is
// autoreleased, so a failure may be raised anywhere, but between alloc and autorelease: what can fail comes before.
// guarded() turns it into an error where C begins.
//
// The language is what GCC's Objective-C runtime knows: instance variables in @interface, no subscripts, no @YES.
#import <Foundation/Foundation.h>
#import <Security/Security.h>
#import <Virtualization/Virtualization.h>
#import <arpa/inet.h>
#import <dispatch/dispatch.h>
#import <errno.h>
#import <fcntl.h>
#import <netinet/in.h>
#import <pthread.h>
#import <stdlib.h>
#import <string.h>
#import <unistd.h>
#import <vmnet/vmnet.h>

#import "ctrvz.h"
#import "plain.h"

// --- errors --------------------------------------------------------------------------------------------------
enum { CTR_INPUT = 1, CTR_ABSENT = 2, CTR_RAISED = 3, CTR_UNSUPPORTED = 4 };
static NSString *const FAILURE = @"CTRFailure";

static NSMutableDictionary *errorOf(NSString *domain, NSInteger code, NSString *message) {
    return [NSMutableDictionary dictionaryWithDictionary:@{
        @"domain" : domain, @"code" : [NSNumber numberWithLongLong:code],
        @"message" : message ? message : @"unknown error",
    }];
}

// The useful words are often in the reason, or in the error below.
static NSMutableDictionary *describe(NSError *error) {
    if (error == nil) return errorOf(@"ctrvz", CTR_RAISED, @"the framework failed and gave no error");
    NSMutableDictionary *result = errorOf([error domain], [error code], [error localizedDescription]);
    if ([error localizedFailureReason]) [result setObject:[error localizedFailureReason] forKey:@"reason"];
    NSError *cause = [[error userInfo] objectForKey:NSUnderlyingErrorKey];
    if ([cause isKindOfClass:[NSError class]]) [result setObject:describe(cause) forKey:@"cause"];
    return result;
}

static void __attribute__((noreturn)) fail(NSDictionary *error) {
    NSString *message = [error objectForKey:@"message"];
    @throw [NSException exceptionWithName:FAILURE reason:message userInfo:@{ @"error" : error }];
}

static void __attribute__((noreturn)) failAs(NSInteger code, NSString *message) {
    fail(errorOf(@"ctrvz", code, message));
}

// `subject`: the path, tag or name that the error is about, which the framework's words leave out; or nil.
static void __attribute__((noreturn)) failAbout(NSString *subject, NSError *error) {
    NSMutableDictionary *described = describe(error);
    if (subject) [described setObject:subject forKey:@"subject"];
    fail(described);
}

// Runs `work` in an autorelease pool of its own. Returns nil, or the error that was raised in it.
static NSDictionary *guarded(void (^work)(void)) {
    NSDictionary *failure = nil;
    @autoreleasepool {
        @try {
            work();
        } @catch (NSException *exception) {
            BOOL ours = [[exception name] isEqualToString:FAILURE];
            failure = [[exception userInfo] objectForKey:@"error"];
            if (!ours) failure = errorOf(@"ctrvz", CTR_RAISED, [exception reason]);
            [failure retain];
        }
    }
    return [failure autorelease];
}

// --- JSON out ------------------------------------------------------------------------------------------------
static NSData *jsonData(id object) {
    NSData *data = [NSJSONSerialization dataWithJSONObject:object options:0 error:NULL];
    return data ? data : [@"{}" dataUsingEncoding:NSUTF8StringEncoding];
}

static void *copyBytes(NSData *data) {
    char *copy = malloc([data length] + 1);
    if (copy == NULL) abort();
    memcpy(copy, [data bytes], [data length]);
    copy[[data length]] = 0;
    return copy;
}

static char *copyJSON(id object) {
    return copyBytes(jsonData(object));
}

static void store(char **error, NSDictionary *failure) {
    if (error) *error = failure ? copyJSON(failure) : NULL;
}

// --- JSON in -------------------------------------------------------------------------------------------------
// Each of these fails with a text that names the key.

static NSString *textOf(const char *text) {
    NSString *string = text ? [NSString stringWithUTF8String:text] : nil;
    if (string == nil) failAs(CTR_INPUT, @"a text is missing, or is not UTF-8");
    return string;
}

static id parsed(const char *json) {
    NSData *data = [textOf(json) dataUsingEncoding:NSUTF8StringEncoding];
    NSError *error = nil;
    id value = [NSJSONSerialization JSONObjectWithData:data options:NSJSONReadingAllowFragments error:&error];
    if (value == nil) failAs(CTR_INPUT, [NSString stringWithFormat:@"not JSON: %@", [error localizedDescription]]);
    return value;
}

static NSDictionary *object(id value, NSString *what) {
    if (![value isKindOfClass:[NSDictionary class]]) {
        failAs(CTR_INPUT, [NSString stringWithFormat:@"%@ is not an object", what]);
    }
    return value;
}

// nil where the key is not there.
static id optional(NSDictionary *values, NSString *key, Class kind) {
    id value = [values objectForKey:key];
    if (value == nil || [value isKindOfClass:kind]) return value;
    failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" has the wrong type", key]);
}

static id needed(NSDictionary *values, NSString *key, Class kind) {
    id value = optional(values, key, kind);
    if (value == nil) failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" is missing", key]);
    return value;
}

static NSString *text(NSDictionary *values, NSString *key) {
    NSString *value = needed(values, key, [NSString class]);
    // A NUL would end it early where it becomes a path.
    if (strlen([value UTF8String]) != [value lengthOfBytesUsingEncoding:NSUTF8StringEncoding]) {
        failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" holds a NUL", key]);
    }
    return value;
}

static uint64_t number(NSDictionary *values, NSString *key, uint64_t most) {
    NSNumber *value = needed(values, key, [NSNumber class]);
    double exact = [value doubleValue];
    if (!(exact >= 0 && exact <= (double)most) || exact != (double)[value unsignedLongLongValue]) {
        failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" is not a number from 0 to %llu", key,
                                                     (unsigned long long)most]);
    }
    return [value unsignedLongLongValue];
}

static BOOL flag(NSDictionary *values, NSString *key) {
    return [needed(values, key, [NSNumber class]) boolValue];
}

static BOOL flagOr(NSDictionary *values, NSString *key, BOOL otherwise) {
    return [values objectForKey:key] ? flag(values, key) : otherwise;
}

// The place of a word in `words`, which are separated by spaces.
static NSInteger choice(NSDictionary *values, NSString *key, NSString *words) {
    NSArray *all = [words componentsSeparatedByString:@" "];
    NSUInteger at = [all indexOfObject:text(values, key)];
    if (at == NSNotFound) failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" is none of: %@", key, words]);
    return (NSInteger)at;
}

// Fails for a key that is not in `words`: it would be a mistyped one that is not heeded.
static void only(NSDictionary *values, NSString *words) {
    NSArray *known = [words componentsSeparatedByString:@" "];
    for (NSString *key in [values allKeys]) {
        if (![known containsObject:key]) failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" is not known", key]);
    }
}

static NSArray *map(NSDictionary *values, NSString *key, id (^make)(NSDictionary *)) {
    NSMutableArray *made = [NSMutableArray array];
    for (id each in needed(values, key, [NSArray class])) [made addObject:make(object(each, key))];
    return made;
}

// Fails with the NSError that `expression`, which stores it in `error`, gives where it is nil or NO.
#define CHECK(expression, subject)                        \
    ({                                                    \
        NSError *error = nil;                             \
        __typeof__(expression) result = (expression);     \
        if (!result) failAbout(subject, error);           \
        result;                                           \
    })

static NSURL *fileURL(NSDictionary *values, NSString *key) {
    return [NSURL fileURLWithPath:text(values, key)];
}

// A duplicate that closes itself, of a descriptor that stays the caller's.
static NSFileHandle *fileHandle(NSDictionary *values, NSString *key) {
    int descriptor = fcntl((int)number(values, key, INT32_MAX), F_DUPFD_CLOEXEC, 3);
    if (descriptor < 0) {
        failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" is no open descriptor: %s", key, strerror(errno)]);
    }
    return [[[NSFileHandle alloc] initWithFileDescriptor:descriptor closeOnDealloc:YES] autorelease];
}

static void address(int family, NSString *written, void *address) {
    if (inet_pton(family, [written UTF8String], address) == 1) return;
    failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" is not an address", written]);
}

static id fresh(Class kind) {
    return [[[kind alloc] init] autorelease];
}

// --- events --------------------------------------------------------------------------------------------------
// Written on a queue of their own, so a slow reader holds no VM.
// `key` and `value` say whose event it is, `details` what else. `descriptor`: one that it hands over, or -1.
static void post(NSString *name, NSString *key, uint32_t value, NSDictionary *details, int descriptor) {
    static dispatch_queue_t queue;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (queue == NULL) queue = dispatch_queue_create("ctrvz.events", DISPATCH_QUEUE_SERIAL_WITH_AUTORELEASE_POOL);
    pthread_mutex_unlock(&lock);
    NSDictionary *named = @{ @"event" : name, key : [NSNumber numberWithUnsignedInt:value] };
    NSMutableDictionary *event = [NSMutableDictionary dictionaryWithDictionary:named];
    if (details) [event addEntriesFromDictionary:details];
    if (descriptor >= 0) [event setObject:[NSNumber numberWithInt:descriptor] forKey:@"fd"];
    NSMutableData *line = [NSMutableData dataWithData:jsonData(event)];
    [line appendBytes:"\n" length:1];
    dispatch_async(queue, ^{
        if (!ctrWriteEvents([line bytes], [line length]) && descriptor >= 0) close(descriptor);
    });
}

static void postDone(uint32_t token, NSDictionary *failure) {
    post(@"done", @"token", token, failure ? @{ @"error" : failure } : nil, -1);
}

// How a completion handler ends.
static void finish(uint32_t token, NSError *error) {
    @autoreleasepool {
        postDone(token, error ? describe(error) : nil);
    }
}

// --- handles -------------------------------------------------------------------------------------------------
static pthread_mutex_t tableLock = PTHREAD_MUTEX_INITIALIZER;
static NSMutableDictionary *table;
static uint32_t lastHandle;

static uint32_t tableAdd(id object) {
    pthread_mutex_lock(&tableLock);
    if (table == nil) table = [[NSMutableDictionary alloc] init];
    uint32_t handle = ++lastHandle;
    [table setObject:object forKey:[NSNumber numberWithUnsignedInt:handle]];
    pthread_mutex_unlock(&tableLock);
    return handle;
}

// nil unless there is such an object; it lives as long as the pool at least.
static id tableGet(uint32_t handle, Class kind) {
    pthread_mutex_lock(&tableLock);
    id found = [[[table objectForKey:[NSNumber numberWithUnsignedInt:handle]] retain] autorelease];
    pthread_mutex_unlock(&tableLock);
    return [found isKindOfClass:kind] ? found : nil;
}

static void tableRemove(uint32_t handle) {
    @autoreleasepool {
        pthread_mutex_lock(&tableLock);
        [table removeObjectForKey:[NSNumber numberWithUnsignedInt:handle]];
        pthread_mutex_unlock(&tableLock);
    }
}

// --- networks ------------------------------------------------------------------------------------------------
// Owns a reference of CoreFoundation's kind: of a network, or for a moment of its configuration.
@interface CTRNetwork : NSObject {
  @public
    CFTypeRef reference;
}
@end

@implementation CTRNetwork
- (void)dealloc {
    if (reference) CFRelease(reference);
    [super dealloc];
}
@end

static CTRNetwork *owned(CFTypeRef reference) {
    CTRNetwork *owner = fresh([CTRNetwork class]);
    owner->reference = reference;
    return owner;
}

#define MACOS26 API_AVAILABLE(macos(26.0))
static void checkVmnet(vmnet_return_t status, NSString *what) {
    if (status == VMNET_SUCCESS) return;
    fail(errorOf(@"vmnet", (NSInteger)status, [NSString stringWithFormat:@"vmnet refused %@", what]));
}

static VZMACAddress *macOf(NSDictionary *values) {
    NSString *given = text(values, @"mac");
    VZMACAddress *mac = [[[VZMACAddress alloc] initWithString:given] autorelease];
    if (mac == nil) failAs(CTR_INPUT, [NSString stringWithFormat:@"\"%@\" is not a MAC address", given]);
    return mac;
}

MACOS26 static void setAddresses(vmnet_network_configuration_ref configuration, NSDictionary *values) {
    NSDictionary *ipv4 = optional(values, @"ipv4", [NSDictionary class]);
    if (ipv4) {
        only(ipv4, @"address mask");
        struct in_addr host, mask;
        address(AF_INET, text(ipv4, @"address"), &host);
        address(AF_INET, text(ipv4, @"mask"), &mask);
        checkVmnet(vmnet_network_configuration_set_ipv4_subnet(configuration, &host, &mask), @"the IPv4 subnet");
    }
    NSDictionary *ipv6 = optional(values, @"ipv6", [NSDictionary class]);
    if (ipv6) {
        only(ipv6, @"prefix length");
        struct in6_addr prefix;
        address(AF_INET6, text(ipv6, @"prefix"), &prefix);
        uint8_t length = (uint8_t)number(ipv6, @"length", 128);
        checkVmnet(vmnet_network_configuration_set_ipv6_prefix(configuration, &prefix, length), @"the IPv6 prefix");
    }
}

MACOS26 static void addReservation(vmnet_network_configuration_ref configuration, NSDictionary *values) {
    only(values, @"mac address");
    ether_addr_t client = [macOf(values) ethernetAddress];
    struct in_addr reserved;
    address(AF_INET, text(values, @"address"), &reserved);
    checkVmnet(vmnet_network_configuration_add_dhcp_reservation(configuration, &client, &reserved), @"a reservation");
}

MACOS26 static void addForward(vmnet_network_configuration_ref configuration, NSDictionary *values) {
    only(values, @"protocol hostPort guestAddress guestPort");
    uint8_t protocol = choice(values, @"protocol", @"tcp udp") == 0 ? IPPROTO_TCP : IPPROTO_UDP;
    NSString *guest = text(values, @"guestAddress");
    sa_family_t family = [guest rangeOfString:@":"].location == NSNotFound ? AF_INET : AF_INET6;
    struct in6_addr bytes; // room for both
    address(family, guest, &bytes);
    uint16_t to = (uint16_t)number(values, @"guestPort", UINT16_MAX);
    uint16_t of = (uint16_t)number(values, @"hostPort", UINT16_MAX);
    checkVmnet(vmnet_network_configuration_add_port_forwarding_rule(configuration, protocol, family, to, of, &bytes),
               [NSString stringWithFormat:@"port %u", of]);
}

MACOS26 static void configureNetwork(vmnet_network_configuration_ref configuration, NSDictionary *values) {
    setAddresses(configuration, values);
    if ([values objectForKey:@"mtu"]) {
        uint32_t mtu = (uint32_t)number(values, @"mtu", UINT16_MAX);
        checkVmnet(vmnet_network_configuration_set_mtu(configuration, mtu), @"the MTU");
    }
    if ([values objectForKey:@"externalInterface"]) {
        const char *name = [text(values, @"externalInterface") UTF8String];
        checkVmnet(vmnet_network_configuration_set_external_interface(configuration, name), @"the interface");
    }
    if (!flagOr(values, @"dhcp", YES)) vmnet_network_configuration_disable_dhcp(configuration);
    if (!flagOr(values, @"dnsProxy", YES)) vmnet_network_configuration_disable_dns_proxy(configuration);
    if (!flagOr(values, @"nat44", YES)) vmnet_network_configuration_disable_nat44(configuration);
    if (!flagOr(values, @"nat66", YES)) vmnet_network_configuration_disable_nat66(configuration);
    if (!flagOr(values, @"routerAdvertisement", YES)) vmnet_network_configuration_disable_router_advertisement(configuration);
    NSArray *reservations = optional(values, @"reservations", [NSArray class]);
    for (id each in reservations) addReservation(configuration, object(each, @"reservations"));
    NSArray *forwards = optional(values, @"forwards", [NSArray class]);
    for (id each in forwards) addForward(configuration, object(each, @"forwards"));
}

MACOS26 static CTRNetwork *createNetwork(NSDictionary *values) {
    vmnet_mode_t mode = choice(values, @"mode", @"host shared") == 0 ? VMNET_HOST_MODE : VMNET_SHARED_MODE;
    vmnet_return_t status = VMNET_FAILURE;
    vmnet_network_configuration_ref configuration = vmnet_network_configuration_create(mode, &status);
    if (configuration == NULL) checkVmnet(status == VMNET_SUCCESS ? VMNET_FAILURE : status, @"a configuration");
    owned(configuration);
    configureNetwork(configuration, values);
    vmnet_network_ref network = vmnet_network_create(configuration, &status);
    if (network == NULL) checkVmnet(status == VMNET_SUCCESS ? VMNET_FAILURE : status, @"the network");
    return owned(network);
}

static CTRNetwork *networkOf(NSDictionary *values) {
    only(values, @"mode ipv4 ipv6 mtu externalInterface dhcp dnsProxy nat44 nat66 routerAdvertisement "
                  "reservations forwards");
    if (@available(macOS 26.0, *)) return createNetwork(values);
    failAs(CTR_UNSUPPORTED, @"networks of vmnet need macOS 26");
}

static NSString *written(int family, const void *address) {
    char text[INET6_ADDRSTRLEN];
    return [NSString stringWithUTF8String:inet_ntop(family, address, text, sizeof text)];
}

MACOS26 static NSDictionary *networkFacts(vmnet_network_ref network) {
    struct in_addr subnet, mask;
    struct in6_addr prefix;
    uint8_t length = 0;
    vmnet_network_get_ipv4_subnet(network, &subnet, &mask);
    vmnet_network_get_ipv6_prefix(network, &prefix, &length);
    NSDictionary *ipv4 = @{ @"address" : written(AF_INET, &subnet), @"mask" : written(AF_INET, &mask) };
    NSNumber *bits = [NSNumber numberWithUnsignedInt:length];
    return @{ @"ipv4" : ipv4, @"ipv6" : @{ @"prefix" : written(AF_INET6, &prefix), @"length" : bits } };
}

// --- devices -------------------------------------------------------------------------------------------------
static VZPlatformConfiguration *platformOf(NSDictionary *values) {
    VZGenericPlatformConfiguration *platform = fresh([VZGenericPlatformConfiguration class]);
    if ([values objectForKey:@"machineId"]) {
        NSString *encoded = text(values, @"machineId");
        NSData *data = [[[NSData alloc] initWithBase64EncodedString:encoded options:0] autorelease];
        VZGenericMachineIdentifier *identifier =
            data ? [[[VZGenericMachineIdentifier alloc] initWithDataRepresentation:data] autorelease] : nil;
        if (identifier == nil) failAs(CTR_INPUT, @"\"machineId\" is not a machine identifier");
        [platform setMachineIdentifier:identifier];
    }
    if (flagOr(values, @"nested", NO)) {
        if (![VZGenericPlatformConfiguration isNestedVirtualizationSupported]) {
            failAs(CTR_UNSUPPORTED, @"this Mac has no nested virtualization");
        }
        [platform setNestedVirtualizationEnabled:YES];
    }
    return platform;
}

static VZBootLoader *bootLoaderOf(NSDictionary *values) {
    NSURL *kernel = fileURL(values, @"kernel");
    VZLinuxBootLoader *loader = [[[VZLinuxBootLoader alloc] initWithKernelURL:kernel] autorelease];
    [loader setCommandLine:text(values, @"commandLine")];
    if ([values objectForKey:@"initrd"]) [loader setInitialRamdiskURL:fileURL(values, @"initrd")];
    return loader;
}

static VZStorageDeviceConfiguration *diskOf(NSDictionary *values) {
    only(values, @"path readOnly serial caching sync");
    NSInteger caching = choice(values, @"caching", @"automatic uncached cached");
    NSInteger sync = choice(values, @"sync", @"full fsync none") + VZDiskImageSynchronizationModeFull;
    NSURL *path = fileURL(values, @"path");
    BOOL readOnly = flag(values, @"readOnly");
    VZDiskImageStorageDeviceAttachment *image = [VZDiskImageStorageDeviceAttachment alloc];
    image = CHECK([[image initWithURL:path readOnly:readOnly cachingMode:(VZDiskImageCachingMode)caching
                  synchronizationMode:(VZDiskImageSynchronizationMode)sync error:&error] autorelease], [path path]);
    VZVirtioBlockDeviceConfiguration *disk = [VZVirtioBlockDeviceConfiguration alloc];
    disk = [[disk initWithAttachment:image] autorelease];
    if ([values objectForKey:@"serial"]) {
        NSString *serial = text(values, @"serial");
        CHECK([VZVirtioBlockDeviceConfiguration validateBlockDeviceIdentifier:serial error:&error], serial);
        [disk setBlockDeviceIdentifier:serial];
    }
    return disk;
}

// A network that a NIC uses is added to `networks`, which must live as long as the VM.
static VZNetworkDeviceAttachment *vmnetAttachment(NSDictionary *values, NSMutableArray *networks) {
    only(values, @"kind mac network");
    CTRNetwork *network = tableGet((uint32_t)number(values, @"network", UINT32_MAX), [CTRNetwork class]);
    if (network == nil) failAs(CTR_ABSENT, @"\"network\" is no network");
    if (@available(macOS 26.0, *)) {
        [networks addObject:network];
        return [[[VZVmnetNetworkDeviceAttachment alloc] initWithNetwork:(vmnet_network_ref)network->reference] autorelease];
    }
    failAs(CTR_UNSUPPORTED, @"networks of vmnet need macOS 26");
}

static VZNetworkDeviceAttachment *attachmentOf(NSDictionary *values, NSMutableArray *networks) {
    switch (choice(values, @"kind", @"fd vmnet nat")) {
    case 0: {
        only(values, @"kind mac fd mtu");
        NSFileHandle *wire = fileHandle(values, @"fd");
        VZFileHandleNetworkDeviceAttachment *attachment =
            [[[VZFileHandleNetworkDeviceAttachment alloc] initWithFileHandle:wire] autorelease];
        if ([values objectForKey:@"mtu"]) {
            [attachment setMaximumTransmissionUnit:(NSInteger)number(values, @"mtu", UINT16_MAX)];
        }
        return attachment;
    }
    case 1:
        return vmnetAttachment(values, networks);
    default:
        only(values, @"kind mac");
        return fresh([VZNATNetworkDeviceAttachment class]);
    }
}

static VZNetworkDeviceConfiguration *nicOf(NSDictionary *values, NSMutableArray *networks) {
    VZVirtioNetworkDeviceConfiguration *nic = fresh([VZVirtioNetworkDeviceConfiguration class]);
    [nic setMACAddress:macOf(values)];
    [nic setAttachment:attachmentOf(values, networks)];
    return nic;
}

static VZSerialPortConfiguration *consoleOf(NSDictionary *values) {
    VZSerialPortAttachment *attachment;
    if ([values objectForKey:@"file"]) {
        only(values, @"file append");
        NSURL *file = fileURL(values, @"file");
        BOOL append = flag(values, @"append");
        attachment = CHECK([[[VZFileSerialPortAttachment alloc] initWithURL:file append:append error:&error] autorelease],
                           text(values, @"file"));
    } else {
        only(values, @"inputFd outputFd");
        NSFileHandle *input = [values objectForKey:@"inputFd"] ? fileHandle(values, @"inputFd") : nil;
        NSFileHandle *output = [values objectForKey:@"outputFd"] ? fileHandle(values, @"outputFd") : nil;
        attachment = [[[VZFileHandleSerialPortAttachment alloc] initWithFileHandleForReading:input
                                                                        fileHandleForWriting:output] autorelease];
    }
    VZVirtioConsoleDeviceSerialPortConfiguration *port = fresh([VZVirtioConsoleDeviceSerialPortConfiguration class]);
    [port setAttachment:attachment];
    return port;
}

static VZSharedDirectory *folderOf(NSDictionary *values) {
    BOOL isFolder = NO;
    NSString *path = text(values, @"path");
    // The framework's own words, at the start of the VM, do not tell which folder is not there.
    if (![[NSFileManager defaultManager] fileExistsAtPath:path isDirectory:&isFolder] || !isFolder) {
        int code = access([path fileSystemRepresentation], F_OK) == 0 ? ENOTDIR : ENOENT;
        failAbout(path, [NSError errorWithDomain:NSPOSIXErrorDomain code:code userInfo:nil]);
    }
    BOOL readOnly = flag(values, @"readOnly");
    return [[[VZSharedDirectory alloc] initWithURL:fileURL(values, @"path") readOnly:readOnly] autorelease];
}

static VZDirectoryShare *foldersShare(NSDictionary *folders) {
    NSMutableDictionary *directories = [NSMutableDictionary dictionary];
    for (NSString *name in [folders allKeys]) {
        // An invalid name would be raised as an exception without it.
        CHECK([VZMultipleDirectoryShare validateName:name error:&error], name);
        NSDictionary *folder = object([folders objectForKey:name], name);
        only(folder, @"path readOnly");
        [directories setObject:folderOf(folder) forKey:name];
    }
    return [[[VZMultipleDirectoryShare alloc] initWithDirectories:directories] autorelease];
}

static VZDirectoryShare *shareOf(NSDictionary *values) {
    if ([values objectForKey:@"rosetta"]) {
        only(values, @"tag rosetta");
        return CHECK([[[VZLinuxRosettaDirectoryShare alloc] initWithError:&error] autorelease], @"rosetta");
    }
    if ([values objectForKey:@"folders"]) {
        only(values, @"tag folders");
        return foldersShare(needed(values, @"folders", [NSDictionary class]));
    }
    only(values, @"tag path readOnly");
    VZSharedDirectory *folder = folderOf(values);
    return [[[VZSingleDirectoryShare alloc] initWithDirectory:folder] autorelease];
}

static VZDirectorySharingDeviceConfiguration *shareDeviceOf(NSDictionary *values) {
    NSString *tag = text(values, @"tag");
    CHECK([VZVirtioFileSystemDeviceConfiguration validateTag:tag error:&error], tag);
    VZVirtioFileSystemDeviceConfiguration *device =
        [[[VZVirtioFileSystemDeviceConfiguration alloc] initWithTag:tag] autorelease];
    [device setShare:shareOf(values)];
    return device;
}

static VZVirtualMachineConfiguration *configurationOf(NSDictionary *values, NSMutableArray *networks) {
    only(values, @"kernel initrd commandLine cpus memoryBytes machineId nested disks nics console shares balloon "
                  "entropy vsock");
    VZVirtualMachineConfiguration *made = fresh([VZVirtualMachineConfiguration class]);
    [made setBootLoader:bootLoaderOf(values)];
    [made setPlatform:platformOf(values)];
    [made setCPUCount:(NSUInteger)number(values, @"cpus", 4096)];
    [made setMemorySize:number(values, @"memoryBytes", 1ULL << 53)];
    [made setStorageDevices:map(values, @"disks", ^id(NSDictionary *each) { return diskOf(each); })];
    [made setNetworkDevices:map(values, @"nics", ^id(NSDictionary *each) { return nicOf(each, networks); })];
    [made setDirectorySharingDevices:map(values, @"shares", ^id(NSDictionary *each) { return shareDeviceOf(each); })];
    NSDictionary *console = optional(values, @"console", [NSDictionary class]);
    if (console) [made setSerialPorts:@[ consoleOf(console) ]];
    if (flag(values, @"entropy")) [made setEntropyDevices:@[ fresh([VZVirtioEntropyDeviceConfiguration class]) ]];
    if (flag(values, @"vsock")) [made setSocketDevices:@[ fresh([VZVirtioSocketDeviceConfiguration class]) ]];
    Class balloon = [VZVirtioTraditionalMemoryBalloonDeviceConfiguration class];
    if (flag(values, @"balloon")) [made setMemoryBalloonDevices:@[ fresh(balloon) ]];
    CHECK([made validateWithError:&error], nil);
    return made;
}

// --- machines ------------------------------------------------------------------------------------------------
// A VM, and all that must live as long. Everything but `queue` is used on the queue alone, which has a pool of its own
// for whatever runs on it: blocks, completion handlers, delegates.
@interface CTRMachine : NSObject <VZVirtualMachineDelegate, VZVirtioSocketListenerDelegate> {
  @public
    uint32_t handle;
    dispatch_queue_t queue;
    VZVirtualMachineConfiguration *configuration;
    VZVirtualMachine *machine; // nil once it was let go of
    VZVirtioSocketListener *listener;
    NSArray *networks;
}
@end

@implementation CTRMachine
- (id)initWithValues:(NSDictionary *)values {
    if ((self = [super init]) == nil) return nil;
    NSMutableArray *used = [NSMutableArray array];
    @try {
        configuration = [configurationOf(values, used) retain];
        networks = [used retain];
        queue = dispatch_queue_create("ctrvz.vm", DISPATCH_QUEUE_SERIAL_WITH_AUTORELEASE_POOL);
        machine = [[VZVirtualMachine alloc] initWithConfiguration:configuration queue:queue];
    } @catch (NSException *exception) {
        [self release];
        @throw;
    }
    listener = [[VZVirtioSocketListener alloc] init];
    [listener setDelegate:self];
    dispatch_sync(queue, ^{ [machine setDelegate:self]; });
    return self;
}

- (void)dealloc {
    [listener setDelegate:nil];
    [listener release];
    [machine release];
    [configuration release];
    [networks release];
    if (queue) dispatch_release(queue);
    [super dealloc];
}

- (VZVirtioSocketDevice *)socketDevice {
    return [[machine socketDevices] count] ? [[machine socketDevices] objectAtIndex:0] : nil;
}

- (VZVirtioFileSystemDevice *)shareTagged:(NSString *)tag {
    for (id device in [machine directorySharingDevices]) {
        if ([[(VZVirtioFileSystemDevice *)device tag] isEqualToString:tag]) return device;
    }
    return nil;
}

- (void)guestDidStopVirtualMachine:(VZVirtualMachine *)stopped {
    (void)stopped;
    post(@"stopped", @"vm", handle, nil, -1);
}

- (void)virtualMachine:(VZVirtualMachine *)stopped didStopWithError:(NSError *)error {
    (void)stopped;
    post(@"stopped", @"vm", handle, @{ @"error" : describe(error) }, -1);
}

- (void)virtualMachine:(VZVirtualMachine *)owner
                           networkDevice:(VZNetworkDevice *)device
    attachmentWasDisconnectedWithError:(NSError *)error {
    NSUInteger at = [[owner networkDevices] indexOfObjectIdenticalTo:device];
    NSNumber *nic = [NSNumber numberWithLongLong:at == NSNotFound ? -1 : (long long)at];
    post(@"network-lost", @"vm", handle, @{ @"nic" : nic, @"error" : describe(error) }, -1);
}

// The connection closes its descriptor when it goes, so ours is a duplicate.
- (BOOL)listener:(VZVirtioSocketListener *)asked
    shouldAcceptNewConnection:(VZVirtioSocketConnection *)connection fromSocketDevice:(VZVirtioSocketDevice *)device {
    (void)asked, (void)device;
    int descriptor = fcntl([connection fileDescriptor], F_DUPFD_CLOEXEC, 3);
    if (descriptor < 0) return NO;
    NSNumber *port = [NSNumber numberWithUnsignedInt:[connection destinationPort]];
    post(@"accept", @"vm", handle, @{ @"port" : port }, descriptor);
    // After the answer, which accepts it; else the guest's end could be reset.
    dispatch_async(queue, ^{ [connection close]; });
    return YES;
}

@end

// Runs `work` on the VM's queue, later. It calls `done` once, or fails.
static int32_t submit(uint32_t vm, uint32_t token, void (^work)(CTRMachine *, void (^done)(NSError *))) {
    if (token == 0) return -EINVAL;
    @autoreleasepool {
        CTRMachine *machine = tableGet(vm, [CTRMachine class]);
        if (machine == nil) return -EBADF;
        dispatch_async(machine->queue, ^{
            NSDictionary *failure = guarded(^{
                if (machine->machine == nil) failAs(CTR_ABSENT, @"the VM was let go of");
                work(machine, ^(NSError *error) { finish(token, error); });
            });
            if (failure) postDone(token, failure);
        });
    }
    return 0;
}

// Runs `work` on the VM's queue, now. What fails in it is -EIO and the error.
static int32_t onQueue(uint32_t vm, char **error, int32_t (^work)(CTRMachine *)) {
    __block int32_t result = -EBADF;
    store(error, nil);
    @autoreleasepool {
        CTRMachine *machine = tableGet(vm, [CTRMachine class]);
        if (machine == nil) return -EBADF;
        dispatch_sync(machine->queue, ^{
            NSDictionary *failure = guarded(^{
                if (machine->machine) result = work(machine);
            });
            if (failure == nil) return;
            result = -EIO;
            store(error, failure);
        });
    }
    return result;
}

// Makes an object from JSON and gives it a handle.
static uint32_t create(const char *json, char **error, id (^make)(NSDictionary *)) {
    __block uint32_t handle = 0;
    @autoreleasepool {
        store(error, guarded(^{
            id made = make(object(parsed(json), @"the JSON"));
            handle = tableAdd(made);
            if ([made isKindOfClass:[CTRMachine class]]) ((CTRMachine *)made)->handle = handle;
        }));
    }
    return handle;
}

uint32_t ctrvz_vm_create(const char *json, char **error) {
    return create(json, error, ^id(NSDictionary *values) {
        return [[[CTRMachine alloc] initWithValues:values] autorelease];
    });
}

#define COMMAND(name, message)                                                        \
    int32_t name(uint32_t vm, uint32_t token) {                                       \
        return submit(vm, token, ^(CTRMachine *held, void (^done)(NSError *)) {       \
            [held->machine message:done];                                             \
        });                                                                           \
    }
COMMAND(ctrvz_vm_start, startWithCompletionHandler)
COMMAND(ctrvz_vm_pause, pauseWithCompletionHandler)
COMMAND(ctrvz_vm_resume, resumeWithCompletionHandler)
COMMAND(ctrvz_vm_stop, stopWithCompletionHandler)

#define STATE_COMMAND(name, message)                                                  \
    int32_t name(uint32_t vm, const char *path, uint32_t token) {                     \
        @autoreleasepool {                                                            \
            NSString *written = path ? [NSString stringWithUTF8String:path] : nil;    \
            if ([written length] == 0) return -EINVAL;                                \
            NSURL *url = [NSURL fileURLWithPath:written];                             \
            return submit(vm, token, ^(CTRMachine *held, void (^done)(NSError *)) {   \
                [held->machine message:url completionHandler:done];                   \
            });                                                                       \
        }                                                                             \
    }
STATE_COMMAND(ctrvz_vm_save, saveMachineStateToURL)
STATE_COMMAND(ctrvz_vm_restore, restoreMachineStateFromURL)

int32_t ctrvz_vm_can_save(uint32_t vm, char **error) {
    int32_t result = onQueue(vm, error, ^int32_t(CTRMachine *held) {
        CHECK([held->configuration validateSaveRestoreSupportWithError:&error], nil);
        return 0;
    });
    return result == -EIO ? -ENOTSUP : result;
}

int32_t ctrvz_vm_request_stop(uint32_t vm, char **error) {
    return onQueue(vm, error, ^int32_t(CTRMachine *held) {
        CHECK([held->machine requestStopWithError:&error], nil);
        return 0;
    });
}

int32_t ctrvz_vm_state(uint32_t vm) {
    return onQueue(vm, NULL, ^int32_t(CTRMachine *held) { return (int32_t)[held->machine state]; });
}

int32_t ctrvz_vm_set_memory_target(uint32_t vm, uint64_t bytes) {
    return onQueue(vm, NULL, ^int32_t(CTRMachine *held) {
        NSArray *devices = [held->machine memoryBalloonDevices];
        if ([devices count] == 0) return -ENODEV;
        VZVirtioTraditionalMemoryBalloonDevice *balloon = [devices objectAtIndex:0];
        [balloon setTargetVirtualMachineMemorySize:bytes & ~0xfffffULL];
        return 0;
    });
}

int32_t ctrvz_vm_set_share(uint32_t vm, const char *tag, const char *json, char **error) {
    int32_t result = onQueue(vm, error, ^int32_t(CTRMachine *held) {
        VZVirtioFileSystemDevice *device = [held shareTagged:textOf(tag)];
        if (device == nil) return -ENODEV;
        id values = parsed(json);
        [device setShare:[values isKindOfClass:[NSNull class]] ? nil : shareOf(object(values, @"the JSON"))];
        return 0;
    });
    return result == -EIO ? -EINVAL : result;
}

int32_t ctrvz_vm_release(uint32_t vm) {
    int32_t result = onQueue(vm, NULL, ^int32_t(CTRMachine *held) {
        VZVirtualMachineState state = [held->machine state];
        if (state != VZVirtualMachineStateStopped && state != VZVirtualMachineStateError) return -EBUSY;
        [held->machine setDelegate:nil];
        [held->machine release];
        held->machine = nil;
        return 0;
    });
    if (result == 0) tableRemove(vm);
    return result;
}

// --- vsock ---------------------------------------------------------------------------------------------------
static void postConnection(uint32_t token, VZVirtioSocketConnection *connection, NSError *error) {
    int descriptor = connection ? fcntl([connection fileDescriptor], F_DUPFD_CLOEXEC, 3) : -1;
    if (connection && descriptor < 0) error = [NSError errorWithDomain:NSPOSIXErrorDomain code:errno userInfo:nil];
    post(@"done", @"token", token, descriptor < 0 ? @{ @"error" : describe(error) } : nil, descriptor);
    [connection close];
}

int32_t ctrvz_vsock_connect(uint32_t vm, uint32_t port, uint32_t token) {
    return submit(vm, token, ^(CTRMachine *held, void (^done)(NSError *)) {
        (void)done;
        VZVirtioSocketDevice *device = [held socketDevice];
        if (device == nil) failAs(CTR_ABSENT, @"the VM has no vsock device");
        [device connectToPort:port completionHandler:^(VZVirtioSocketConnection *connection, NSError *error) {
            postConnection(token, connection, error);
        }];
    });
}

static int32_t setListener(uint32_t vm, uint32_t port, BOOL on) {
    return onQueue(vm, NULL, ^int32_t(CTRMachine *held) {
        VZVirtioSocketDevice *device = [held socketDevice];
        if (device == nil) return -ENODEV;
        if (on) [device setSocketListener:held->listener forPort:port];
        else [device removeSocketListenerForPort:port];
        return 0;
    });
}

int32_t ctrvz_vsock_listen(uint32_t vm, uint32_t port) { return setListener(vm, port, YES); }
int32_t ctrvz_vsock_unlisten(uint32_t vm, uint32_t port) { return setListener(vm, port, NO); }

// --- networks, Rosetta, host ---------------------------------------------------------------------------------
uint32_t ctrvz_net_create(const char *json, char **error) {
    return create(json, error, ^id(NSDictionary *values) { return networkOf(values); });
}

char *ctrvz_net_info(uint32_t net) {
    @autoreleasepool {
        CTRNetwork *network = tableGet(net, [CTRNetwork class]);
        if (network == nil) return NULL;
        if (@available(macOS 26.0, *)) return copyJSON(networkFacts((vmnet_network_ref)network->reference));
        return NULL;
    }
}

int32_t ctrvz_net_release(uint32_t net) {
    @autoreleasepool {
        if (tableGet(net, [CTRNetwork class]) == nil) return -EBADF;
        tableRemove(net);
        return 0;
    }
}

int32_t ctrvz_rosetta_install(uint32_t token) {
    if (token == 0) return -EINVAL;
    @autoreleasepool {
        NSDictionary *failure = guarded(^{
            [VZLinuxRosettaDirectoryShare installRosettaWithCompletionHandler:^(NSError *error) { finish(token, error); }];
        });
        if (failure) postDone(token, failure);
    }
    return 0;
}

static NSDictionary *range(uint64_t least, uint64_t most) {
    return @{ @"min" : [NSNumber numberWithUnsignedLongLong:least], @"max" : [NSNumber numberWithUnsignedLongLong:most] };
}

static NSDictionary *hostFacts(void) {
    NSArray *rosetta = [@"unsupported missing installed" componentsSeparatedByString:@" "];
    BOOL vmnet = NO;
    if (@available(macOS 26.0, *)) vmnet = YES;
    return @{
        @"supported" : [NSNumber numberWithBool:[VZVirtualMachine isSupported]],
        @"os" : [[NSProcessInfo processInfo] operatingSystemVersionString],
        @"cpus" : range([VZVirtualMachineConfiguration minimumAllowedCPUCount],
                        [VZVirtualMachineConfiguration maximumAllowedCPUCount]),
        @"memoryBytes" : range([VZVirtualMachineConfiguration minimumAllowedMemorySize],
                               [VZVirtualMachineConfiguration maximumAllowedMemorySize]),
        @"nested" : [NSNumber numberWithBool:[VZGenericPlatformConfiguration isNestedVirtualizationSupported]],
        @"rosetta" : [rosetta objectAtIndex:(NSUInteger)[VZLinuxRosettaDirectoryShare availability]],
        @"vmnet" : [NSNumber numberWithBool:vmnet],
    };
}

char *ctrvz_host(void) {
    __block char *facts = NULL;
    @autoreleasepool {
        NSDictionary *failure = guarded(^{ facts = copyJSON(hostFacts()); });
        if (failure) facts = copyJSON(@{ @"error" : failure });
    }
    return facts;
}

char *ctrvz_machine_id(void) {
    @autoreleasepool {
        VZGenericMachineIdentifier *identifier = fresh([VZGenericMachineIdentifier class]);
        NSString *encoded = [[identifier dataRepresentation] base64EncodedStringWithOptions:0];
        return copyBytes([encoded dataUsingEncoding:NSUTF8StringEncoding]);
    }
}

// --- Keychain ------------------------------------------------------------------------------------------------
// The attributes of items, by their keys in JSON.
static NSDictionary *attributes(void) {
    return @{ @"server" : (id)kSecAttrServer, @"account" : (id)kSecAttrAccount,
              @"domain" : (id)kSecAttrSecurityDomain, @"label" : (id)kSecAttrLabel };
}

static NSMutableDictionary *secretQuery(const char *json) {
    NSDictionary *values = object(parsed(json), @"the JSON"), *known = attributes();
    only(values, @"server account domain label");
    NSMutableDictionary *query = [NSMutableDictionary dictionary];
    [query setObject:(id)kSecClassInternetPassword forKey:(id)kSecClass];
    for (NSString *key in [values allKeys]) [query setObject:text(values, key) forKey:[known objectForKey:key]];
    return query;
}

// `work` gets the query of the JSON; wrong JSON is errSecParam.
static int32_t withSecret(const char *json, OSStatus (^work)(NSMutableDictionary *)) {
    __block OSStatus status = errSecParam;
    @autoreleasepool {
        guarded(^{ status = work(secretQuery(json)); });
    }
    return status;
}

int32_t ctrvz_secret_set(const char *json, const uint8_t *data, uint32_t length) {
    return withSecret(json, ^OSStatus(NSMutableDictionary *query) {
        if (![query objectForKey:(id)kSecAttrServer] || ![query objectForKey:(id)kSecAttrAccount]) return errSecParam;
        NSDictionary *secret = @{ (id)kSecValueData : [NSData dataWithBytes:data length:length] };
        NSMutableDictionary *changes = [NSMutableDictionary dictionaryWithDictionary:secret];
        NSString *label = [query objectForKey:(id)kSecAttrLabel];
        if (label) [changes setObject:label forKey:(id)kSecAttrLabel];
        [query removeObjectForKey:(id)kSecAttrLabel]; // it names the item, and does not choose it
        OSStatus status = SecItemUpdate((CFDictionaryRef)query, (CFDictionaryRef)changes);
        if (status != errSecItemNotFound) return status;
        [query addEntriesFromDictionary:changes];
        [query setObject:(id)kSecAttrAccessibleAfterFirstUnlock forKey:(id)kSecAttrAccessible];
        return SecItemAdd((CFDictionaryRef)query, NULL);
    });
}

int32_t ctrvz_secret_get(const char *json, uint8_t **data, uint32_t *length) {
    *data = NULL;
    *length = 0;
    return withSecret(json, ^OSStatus(NSMutableDictionary *query) {
        [query setObject:[NSNumber numberWithBool:YES] forKey:(id)kSecReturnData];
        [query setObject:(id)kSecMatchLimitOne forKey:(id)kSecMatchLimit];
        CFTypeRef found = NULL;
        OSStatus status = SecItemCopyMatching((CFDictionaryRef)query, &found);
        NSData *secret = [(id)found autorelease];
        if (status != errSecSuccess) return status;
        *data = copyBytes(secret);
        *length = (uint32_t)[secret length];
        return errSecSuccess;
    });
}

int32_t ctrvz_secret_delete(const char *json) {
    return withSecret(json, ^OSStatus(NSMutableDictionary *query) {
        if (![query objectForKey:(id)kSecAttrServer]) return errSecParam; // never all there are
        return SecItemDelete((CFDictionaryRef)query);
    });
}

static NSArray *secretsOf(NSArray *items) {
    NSMutableArray *secrets = [NSMutableArray array];
    NSDictionary *known = attributes();
    for (NSDictionary *item in items) {
        NSMutableDictionary *secret = [NSMutableDictionary dictionary];
        for (NSString *key in [known allKeys]) {
            id value = [item objectForKey:[known objectForKey:key]];
            if ([value isKindOfClass:[NSString class]]) [secret setObject:value forKey:key];
        }
        [secrets addObject:secret];
    }
    return secrets;
}

char *ctrvz_secret_list(const char *json) {
    __block char *listed = NULL;
    int32_t status = withSecret(json, ^OSStatus(NSMutableDictionary *query) {
        [query setObject:[NSNumber numberWithBool:YES] forKey:(id)kSecReturnAttributes];
        [query setObject:(id)kSecMatchLimitAll forKey:(id)kSecMatchLimit];
        CFTypeRef found = NULL;
        OSStatus status = SecItemCopyMatching((CFDictionaryRef)query, &found);
        NSArray *items = [(id)found autorelease];
        if (status == errSecSuccess) listed = copyJSON(secretsOf(items));
        else if (status == errSecItemNotFound) listed = copyJSON([NSArray array]);
        return status;
    });
    @autoreleasepool {
        return listed ? listed : copyJSON(@{ @"error" : [NSNumber numberWithInt:status] });
    }
}
