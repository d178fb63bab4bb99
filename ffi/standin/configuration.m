// VZVirtualMachineConfiguration, and the limits that it checks.
#import "standin.h"
#import <unistd.h>

@implementation VZVirtualMachineConfiguration
+ (uint64_t)minimumAllowedMemorySize {
    return 32ULL << 20;
}
+ (uint64_t)maximumAllowedMemorySize {
    return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) >> 20 << 20;
}
+ (NSUInteger)minimumAllowedCPUCount {
    return 1;
}
+ (NSUInteger)maximumAllowedCPUCount {
    NSUInteger count = (NSUInteger)sysconf(_SC_NPROCESSORS_ONLN);
    return count < 8 ? 8 : count;
}
- (instancetype)init {
    if ((self = [super init]) == nil) return nil;
    [self setPlatform:[[[VZGenericPlatformConfiguration alloc] init] autorelease]];
    return self;
}
- (void)setBootLoader:(VZBootLoader *)loader {
    [self put:loader at:@"bootLoader"];
}
- (void)setPlatform:(VZPlatformConfiguration *)platform {
    [self put:platform at:@"platform"];
}
- (void)setCPUCount:(NSUInteger)count {
    [self put:[NSNumber numberWithUnsignedLong:count] at:@"cpus"];
}
- (void)setMemorySize:(uint64_t)size {
    [self put:[NSNumber numberWithUnsignedLongLong:size] at:@"memory"];
}
#define LIST(setter, kind, key)                                                         \
    -(void)setter : (NSArray *)devices {                                                \
        for (id each in devices) {                                                      \
            if (![each isKindOfClass:[kind class]]) raiseArgument(@"Wrong kind of device.");    \
        }                                                                               \
        [self put:[[[NSArray alloc] initWithArray:devices copyItems:YES] autorelease] at:key]; \
    }
LIST(setStorageDevices, VZStorageDeviceConfiguration, @"disks")
LIST(setNetworkDevices, VZNetworkDeviceConfiguration, @"nics")
LIST(setSerialPorts, VZSerialPortConfiguration, @"serial")
LIST(setDirectorySharingDevices, VZDirectorySharingDeviceConfiguration, @"shares")
LIST(setEntropyDevices, VZEntropyDeviceConfiguration, @"entropy")
LIST(setMemoryBalloonDevices, VZMemoryBalloonDeviceConfiguration, @"balloon")
LIST(setSocketDevices, VZSocketDeviceConfiguration, @"vsock")

- (NSString *)obstacle {
    VZLinuxBootLoader *loader = [self at:@"bootLoader"];
    if (loader == nil) return @"The boot loader is missing.";
    for (NSString *key in [NSArray arrayWithObjects:@"kernel", @"initrd", nil]) {
        NSURL *file = [loader at:key];
        if (file && access([[file path] fileSystemRepresentation], R_OK) != 0) {
            return [NSString stringWithFormat:@"The %@ cannot be read.", key];
        }
    }
    uint64_t memory = [[self at:@"memory"] unsignedLongLongValue];
    uint64_t least = [[self class] minimumAllowedMemorySize], most = [[self class] maximumAllowedMemorySize];
    if (memory < least || memory > most || memory % (1 << 20)) return @"The memory size is out of range.";
    NSUInteger cpus = [[self at:@"cpus"] unsignedLongValue];
    if (cpus < 1 || cpus > [[self class] maximumAllowedCPUCount]) return @"The CPU count is out of range.";
    if ([[self at:@"balloon"] count] > 1) return @"There is more than one memory balloon device.";
    if ([[self at:@"vsock"] count] > 1) return @"There is more than one socket device.";
    NSMutableArray *tags = [NSMutableArray array];
    for (VZStandIn *share in [self at:@"shares"]) {
        if ([tags containsObject:[share at:@"tag"]]) return @"Two directory sharing devices have the same tag.";
        [tags addObject:[share at:@"tag"]];
    }
    for (VZStandIn *nic in [self at:@"nics"]) {
        NSNumber *unit = [[nic at:@"attachment"] at:@"mtu"];
        if (unit && ([unit intValue] < 1500 || [unit intValue] > 65535)) return @"The MTU is out of range.";
    }
    return nil;
}
- (BOOL)validateWithError:(NSError **)error {
    // As with a program that lacks the entitlement.
    if (getenv("CTRVZ_STANDIN_UNENTITLED")) {
        return refuse(error, VZ_CONFIGURATION, @"The process doesn’t have the “com.apple.security.virtualization” entitlement.");
    }
    NSString *obstacle = [self obstacle];
    return obstacle ? refuse(error, VZ_CONFIGURATION, obstacle) : YES;
}
- (BOOL)validateSaveRestoreSupportWithError:(NSError **)error {
    if ([[self at:@"shares"] count]) return refuse(error, VZ_UNSUPPORTED, @"Unsupported directory sharing device in configuration.");
    return YES;
}
@end
