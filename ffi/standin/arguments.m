// The QEMU that a configuration stands for. x86-64: a microvm with virtio-mmio, for speed. arm64: the board "virt" with
// virtio-pci devices, which is what Virtualization.framework shows a guest.
#import "standin.h"
#import <fcntl.h>
#import <stdarg.h>
#import <sys/socket.h>
#import <sys/stat.h>
#import <unistd.h>

@implementation VZPlan
- (id)init {
    if ((self = [super init]) == nil) return nil;
    arguments = [[NSMutableArray alloc] init];
    descriptors = [[NSMutableArray alloc] init];
    shares = [[NSMutableArray alloc] init];
    vsock = serial = monitor = -1;
    return self;
}
- (void)dealloc {
    for (NSNumber *each in descriptors) close([each intValue]);
    [arguments release];
    [descriptors release];
    [shares release];
    [super dealloc];
}
- (void)add:(NSString *)first, ... {
    va_list rest;
    va_start(rest, first);
    for (NSString *each = first; each; each = va_arg(rest, NSString *)) [arguments addObject:each];
    va_end(rest);
}
// QEMU's copy of a descriptor.
- (int)hand:(int)descriptor {
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
    if (copy >= 0) [descriptors addObject:[NSNumber numberWithInt:copy]];
    return copy;
}
// A stream socket: QEMU's end, and ours in `*ours`.
- (int)pair:(int *)ours {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return -1;
    *ours = ends[0];
    [descriptors addObject:[NSNumber numberWithInt:ends[1]]];
    return ends[1];
}
@end

static NSString *format(NSString *pattern, ...) {
    va_list rest;
    va_start(rest, pattern);
    NSString *made = [[[NSString alloc] initWithFormat:pattern arguments:rest] autorelease];
    va_end(rest);
    return made;
}

static NSString *escaped(NSURL *URL) {
    return [[URL path] stringByReplacingOccurrencesOfString:@"," withString:@",,"];
}

static BOOL isArm64(NSURL *kernel) {
    char magic[4] = "";
    int file = open([[kernel path] fileSystemRepresentation], O_RDONLY | O_CLOEXEC);
    if (file < 0) return NO;
    BOOL found = pread(file, magic, 4, 56) == 4 && memcmp(magic, "ARM\x64", 4) == 0;
    close(file);
    return found;
}

// The frequency of a clock that cannot scale; an emulated guest that must measure it takes its time.
static NSString *clockWords(void) {
    NSString *facts = [NSString stringWithContentsOfFile:@"/proc/cpuinfo" encoding:NSUTF8StringEncoding error:NULL];
    if (access("/sys/devices/system/cpu/cpu0/cpufreq/scaling_driver", R_OK) == 0) return nil;
    if ([facts rangeOfString:@"constant_tsc"].location == NSNotFound) return nil;
    NSString *found = nil;
    for (NSString *line in [facts componentsSeparatedByString:@"\n"]) {
        if (![line hasPrefix:@"cpu MHz"]) continue;
        NSString *megahertz = [[line componentsSeparatedByString:@":"] lastObject];
        if (found && ![found isEqualToString:megahertz]) return nil;
        found = megahertz;
    }
    long kilohertz = (long)([found doubleValue] * 1000 + 0.5);
    if (kilohertz < 100000) return nil;
    return format(@" tsc_early_khz=%ld tsc=reliable no_timer_check lapic_timer_hz=1000000000", kilohertz);
}

static void addMachine(VZPlan *plan, VZVirtualMachineConfiguration *configuration, BOOL arm64) {
    NSString *words = [[configuration at:@"bootLoader"] at:@"commandLine"];
    NSString *clock = clockWords();
    [plan add:@"-nodefaults", @"-no-user-config", @"-no-reboot", @"-display", @"none", @"-global",
              @"virtio-mmio.force-legacy=false", @"-cpu", nil];
    if (arm64) {
        [plan add:@"max,pauth-impdef=on", @"-M", @"virt,gic-version=3,memory-backend=ram", @"-accel",
                  @"tcg,thread=multi,tb-size=128", nil];
        words = format(@"%@ mitigations=off", words);
    } else {
        // As the driver for QEMU says why: src/hypervisor/qemu/arguments.ts.
        NSString *board = @"microvm,acpi=on,x-option-roms=off,isa-serial=off,memory-backend=ram";
        [plan add:@"max,-svm,-erms,-fsrm", @"-M", clock ? format(@"%@,pit=off,pic=off", board) : board, @"-accel",
                  @"tcg,thread=single,tb-size=128", nil];
        words = format(@"%@ mitigations=off reboot=t noreplace-smp 8250.nr_uarts=0%@", words, clock ? clock : @"");
    }
    unsigned long long megabytes = [[configuration at:@"memory"] unsignedLongLongValue] >> 20;
    [plan add:@"-m", format(@"%lluM", megabytes), @"-object",
              format(@"memory-backend-memfd,id=ram,size=%lluM,share=on", megabytes), @"-smp",
              [[configuration at:@"cpus"] stringValue], nil];
    VZStandIn *loader = [configuration at:@"bootLoader"];
    [plan add:@"-kernel", [[loader at:@"kernel"] path], @"-append", words, nil];
    if ([loader at:@"initrd"]) [plan add:@"-initrd", [[loader at:@"initrd"] path], nil];
}

// A serial number that the guest's kernel gives its disks by their order, so the first is vda.
static void addDisks(VZPlan *plan, NSArray *disks, NSString *bus) {
    unsigned at = 0;
    for (VZStandIn *disk in disks) {
        VZStandIn *image = [disk at:@"attachment"];
        BOOL readOnly = [[image at:@"readOnly"] boolValue];
        NSString *access = readOnly ? @"read-only=on,file.locking=off"
                                    : @"read-only=off,file.locking=auto,discard=unmap,detect-zeroes=unmap,werror=report";
        NSString *cache = [[image at:@"sync"] intValue] == VZDiskImageSynchronizationModeNone ? @"unsafe" : @"writeback";
        [plan add:@"-drive", format(@"if=none,id=disk%u,driver=raw,file.driver=file,file.filename=%@,%@,cache=%@", at,
                                    escaped([image at:@"URL"]), access, cache), nil];
        NSString *serial = [disk at:@"serial"] ? format(@",serial=%@", [disk at:@"serial"]) : @"";
        [plan add:@"-device", format(@"virtio-blk-%@,drive=disk%u%@", bus, at, serial), nil];
        at++;
    }
}

static BOOL addNics(VZPlan *plan, NSArray *nics, NSString *bus, NSError **error) {
    unsigned at = 0;
    for (VZStandIn *nic in nics) {
        VZStandIn *attachment = [nic at:@"attachment"];
        NSString *backend = format(@"user,id=nic%u", at);
        if (![attachment isKindOfClass:[VZNATNetworkDeviceAttachment class]]) {
            VZKept *network = [attachment at:@"network"];
            int wire = network ? vmnetPlug(network->kept) : [[attachment at:@"handle"] fileDescriptor];
            if (wire < 0) return refuse(error, VZ_NETWORK, @"The network has no interface left.");
            backend = format(@"dgram,id=nic%u,local.type=fd,local.str=%d", at, [plan hand:wire]);
            if (network) close(wire);
        }
        NSString *mac = [nic at:@"mac"] ? format(@",mac=%@", [[nic at:@"mac"] at:@"string"]) : @"";
        [plan add:@"-netdev", backend, @"-device", format(@"virtio-net-%@,netdev=nic%u%@%@", bus, at, mac,
                  [bus isEqualToString:@"pci"] ? @",romfile=" : @""), nil];
        at++;
    }
    return YES;
}

static void addConsole(VZPlan *plan, VZStandIn *port) {
    NSFileHandle *output = [[port at:@"attachment"] at:@"output"], *input = [[port at:@"attachment"] at:@"input"];
    struct stat status;
    int to = output ? [plan hand:[output fileDescriptor]] : -1;
    NSString *backend = @"null,id=console";
    if (to >= 0 && fstat(to, &status) == 0 && S_ISSOCK(status.st_mode)) {
        backend = format(@"socket,id=console,fd=%d", to);
    } else if (to >= 0) {
        backend = format(@"file,id=console,append=on,path=/dev/fdset/1%@", input ? @",input-path=/dev/fdset/2" : @"");
        [plan add:@"-add-fd", format(@"fd=%d,set=1", to), nil];
        if (input) [plan add:@"-add-fd", format(@"fd=%d,set=2", [plan hand:[input fileDescriptor]]), nil];
    }
    [plan add:@"-chardev", backend, @"-device", @"virtconsole,chardev=console", nil];
}

static BOOL addShares(VZPlan *plan, NSArray *devices, NSString *bus, NSError **error) {
    unsigned at = 0;
    for (VZStandIn *device in devices) {
        VZFolderServer *server = [[[VZFolderServer alloc] initWithTag:[device at:@"tag"]] autorelease];
        if (![server serve:[device at:@"share"]]) {
            return refuse(error, VZ_INTERNAL, format(@"The directory %@ cannot be shared.", [device at:@"tag"]));
        }
        [plan->shares addObject:server];
        [plan add:@"-chardev", format(@"socket,id=share%u,fd=%d", at, [plan hand:server->end]), @"-device",
                  format(@"vhost-user-fs-%@,chardev=share%u,tag=%@,queue-size=1024", bus, at, [device at:@"tag"]), nil];
        at++;
    }
    return YES;
}

// In the place of vsock a port of virtio-serial: QEMU cannot save a guest with the one.
static void addVsock(VZPlan *plan, NSString *bus, BOOL serialInstead) {
    if (serialInstead) {
        [plan add:@"-chardev", format(@"socket,id=rpc,fd=%d", [plan pair:&plan->serial]), @"-device",
                  @"virtserialport,chardev=rpc,id=rpc,name=ctr.rpc", nil];
    } else {
        [plan add:@"-chardev", format(@"socket,id=vsock,fd=%d", [plan pair:&plan->vsock]), @"-device",
                  format(@"vhost-user-vsock-%@,chardev=vsock", bus), nil];
    }
}

VZPlan *planFor(VZVirtualMachineConfiguration *configuration, NSString *restore, NSError **error) {
    VZPlan *plan = [[[VZPlan alloc] init] autorelease];
    BOOL arm64 = isArm64([[configuration at:@"bootLoader"] at:@"kernel"]);
    NSString *bus = arm64 ? @"pci" : @"device";
    NSString *program = arm64 ? @"/usr/bin/qemu-system-aarch64" : @"/usr/bin/qemu-system-x86_64";
    BOOL serialInstead = getenv("CTRVZ_STANDIN_VSOCK") && strcmp(getenv("CTRVZ_STANDIN_VSOCK"), "serial") == 0;
    BOOL socket = [[configuration at:@"vsock"] count] > 0;
    [plan add:program, @"-S", @"-name", @"ctrvz", nil];
    addMachine(plan, configuration, arm64);
    [plan add:@"-chardev", format(@"socket,id=qmp,fd=%d", [plan pair:&plan->monitor]), @"-mon",
              @"chardev=qmp,mode=control", @"-device", format(@"virtio-serial-%@", bus), nil];
    if ([[configuration at:@"serial"] count]) addConsole(plan, [[configuration at:@"serial"] objectAtIndex:0]);
    if ([[configuration at:@"entropy"] count]) {
        [plan add:@"-object", @"rng-random,id=entropy,filename=/dev/urandom", @"-device",
                  format(@"virtio-rng-%@,rng=entropy", bus), nil];
    }
    if ([[configuration at:@"balloon"] count]) [plan add:@"-device", format(@"virtio-balloon-%@", bus), nil];
    addDisks(plan, [configuration at:@"disks"], bus);
    if (!addNics(plan, [configuration at:@"nics"], bus, error)) return nil;
    if (!addShares(plan, [configuration at:@"shares"], bus, error)) return nil;
    if (socket) addVsock(plan, bus, serialInstead);
    if (restore) {
        NSString *quoted = [restore stringByReplacingOccurrencesOfString:@"'" withString:@"'\\''"];
        [plan add:@"-incoming", format(@"exec:cat '%@'", quoted), nil];
    }
    return plan;
}

NSString *fingerprint(VZVirtualMachineConfiguration *configuration) {
    NSMutableArray *parts = [NSMutableArray array];
    [parts addObject:[[configuration at:@"cpus"] stringValue]];
    [parts addObject:[[configuration at:@"memory"] stringValue]];
    NSData *identifier = [[[configuration at:@"platform"] at:@"machineIdentifier"] dataRepresentation];
    [parts addObject:[identifier base64EncodedStringWithOptions:0]];
    [parts addObject:[[[configuration at:@"bootLoader"] at:@"kernel"] path]];
    for (VZStandIn *disk in [configuration at:@"disks"]) [parts addObject:[[[disk at:@"attachment"] at:@"URL"] path]];
    for (VZStandIn *nic in [configuration at:@"nics"]) [parts addObject:[[nic at:@"mac"] at:@"string"]];
    for (NSString *key in [NSArray arrayWithObjects:@"serial", @"entropy", @"balloon", @"vsock", nil]) {
        [parts addObject:format(@"%@ %lu", key, (unsigned long)[[configuration at:key] count])];
    }
    return [parts componentsJoinedByString:@"\n"];
}
