// Shared folders: a virtiofsd for each, in a mount namespace of its own.
//
// A share of several folders is an empty file system in which they are mounted by name. A shell that stays in the
// namespace mounts and unmounts them later; the mounts spread into the daemon's own namespace, which is a slave of it.
#import "standin.h"
#import <fcntl.h>
#import <sys/socket.h>
#import <sys/un.h>
#import <unistd.h>

// Arguments: where to mount, what (single ACCESS PATH, or several - -), ACCESS NAME PATH of each folder, --, the daemon.
// Then it reads orders, a line each, parts between tabs: mount ACCESS NAME PATH, or forget - NAME -.
static const char *const KEEPER =
    "root=$1; shift\n"
    "mount --make-rprivate /\n"
    "case $1 in\n"
    "single) mount --rbind \"$3\" \"$root\"\n"
    "  [ \"$2\" = rw ] || mount -o remount,bind,ro \"$root\" ;;\n"
    "several) mount -t tmpfs -o size=64k,mode=755 ctr \"$root\" ;;\n"
    "esac || exit 1\n"
    "mount --make-rshared \"$root\"\n"
    "mkdir -p /var/run/virtiofsd && mount -t tmpfs -o size=64k ctr /var/run/virtiofsd\n"
    "place() { mkdir -p \"$root/$2\" && mount --rbind \"$3\" \"$root/$2\" &&\n"
    "  { [ \"$1\" = rw ] || mount -o remount,bind,ro \"$root/$2\"; }; }\n"
    "shift 3\n"
    "while [ $# -gt 3 ]; do [ \"$1\" = -- ] && break; place \"$1\" \"$2\" \"$3\" || exit 1; shift 3; done\n"
    "shift\n"
    "\"$@\" < /dev/null &\n"
    "daemon=$!\n"
    "while IFS='\t' read -r what access name path; do\n"
    "  case $what in\n"
    "  mount) place \"$access\" \"$name\" \"$path\" ;;\n"
    "  forget) umount -R -l \"$root/$name\" && rmdir \"$root/$name\" ;;\n"
    "  esac\n"
    "done\n"
    "kill $daemon; wait\n";

static NSString *program(BOOL *rust) {
    NSArray *places = [NSArray arrayWithObjects:@"/usr/lib/qemu/virtiofsd", @"/usr/libexec/virtiofsd",
                                                @"/usr/lib/virtiofsd", nil];
    for (NSString *place in places) {
        *rust = place != [places objectAtIndex:0];
        if (access([place fileSystemRepresentation], X_OK) == 0) return place;
    }
    return nil;
}

@implementation VZFolderServer

- (id)initWithTag:(NSString *)given {
    if ((self = [super init]) == nil) return nil;
    tag = [given copy];
    names = [[NSMutableSet alloc] init];
    end = orders = -1;
    return self;
}

- (void)dealloc {
    [self end];
    [tag release];
    [names release];
    [super dealloc];
}

- (void)end {
    if (orders >= 0) close(orders); // the keeper ends, and with it the daemon
    if (end >= 0) close(end);
    orders = end = -1;
}

static NSArray *described(NSString *name, VZStandIn *directory) {
    NSString *access = [[directory at:@"readOnly"] boolValue] ? @"ro" : @"rw";
    return [NSArray arrayWithObjects:access, name, [[directory at:@"URL"] path], nil];
}

// A listening socket that virtiofsd inherits, and our connection to it, which becomes QEMU's.
- (int)listen {
    struct sockaddr_un place = { .sun_family = AF_UNIX };
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof(sa_family_t); // an abstract name, which the kernel chooses
    if (bind(listening, (struct sockaddr *)&place, length) != 0 || listen(listening, 1) != 0) return -1;
    length = sizeof place;
    end = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    getsockname(listening, (struct sockaddr *)&place, &length);
    if (connect(end, (struct sockaddr *)&place, length) != 0) return -1;
    return listening;
}

- (BOOL)launch:(VZDirectoryShare *)share {
    BOOL rust = NO;
    NSString *path = program(&rust);
    int listening = [self listen], reading[2];
    if (path == nil || listening < 0 || pipe2(reading, O_CLOEXEC) != 0) return NO;
    VZStandIn *single = [share at:@"directory"];
    NSMutableArray *words = [NSMutableArray arrayWithObjects:@"/usr/bin/unshare", @"--mount", @"--propagation", @"private",
        @"/bin/sh", @"-c", [NSString stringWithUTF8String:KEEPER], @"sh", @"/srv", nil];
    if (single) [words addObjectsFromArray:[[NSArray arrayWithObject:@"single"]
                    arrayByAddingObjectsFromArray:[[NSArray arrayWithObject:[[single at:@"readOnly"] boolValue] ? @"ro" : @"rw"]
                    arrayByAddingObject:[[single at:@"URL"] path]]]];
    else [words addObjectsFromArray:[NSArray arrayWithObjects:@"several", @"", @"", nil]];
    NSDictionary *directories = [share at:@"directories"];
    for (NSString *name in [directories allKeys]) {
        [words addObjectsFromArray:described(name, [directories objectForKey:name])];
        [names addObject:name];
    }
    [words addObject:@"--"];
    [words addObject:path];
    NSString *descriptor = [NSString stringWithFormat:@"--fd=%d", listening];
    if (rust) [words addObjectsFromArray:[NSArray arrayWithObjects:descriptor, @"--shared-dir=/srv", @"--cache=auto",
                                                                   @"--xattr", @"--log-level=warn", nil]];
    else [words addObjectsFromArray:[NSArray arrayWithObjects:@"-f", descriptor, @"-o",
                                     @"source=/srv,cache=auto,xattr,log_level=warn", nil]];
    char **argv = calloc([words count] + 1, sizeof *argv);
    for (NSUInteger at = 0; at < [words count]; at++) argv[at] = (char *)[[words objectAtIndex:at] UTF8String];
    int inherited[] = { listening, -1 };
    int output = getenv("CTRVZ_STANDIN_LOUD") ? dup(2) : open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid = spawnChild(argv, inherited, reading[0], output, ^(int status) { (void)status; });
    close(output);
    free(argv);
    close(listening);
    close(reading[0]);
    orders = reading[1];
    return pid > 0;
}

// What was shared and is not any more goes; what is new comes. A single folder stays what it is.
- (void)change:(VZDirectoryShare *)share {
    NSDictionary *wanted = [share at:@"directories"];
    NSMutableString *lines = [NSMutableString string];
    for (NSString *name in [names allObjects]) [lines appendFormat:@"forget\t-\t%@\t-\n", name];
    [names removeAllObjects];
    for (NSString *name in [wanted allKeys]) {
        [lines appendFormat:@"mount\t%@\n", [described(name, [wanted objectForKey:name]) componentsJoinedByString:@"\t"]];
        [names addObject:name];
    }
    NSData *bytes = [lines dataUsingEncoding:NSUTF8StringEncoding];
    if (write(orders, [bytes bytes], [bytes length]) < 0) NSLog(@"the keeper of share %@ has ended", tag);
}

- (BOOL)serve:(VZDirectoryShare *)share {
    if (orders < 0) return [self launch:share];
    [self change:share];
    return YES;
}

@end
