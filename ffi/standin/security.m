// A keychain and a log for the tests. The keychain is the file that CTRVZ_STANDIN_KEYCHAIN names; without one it is
// locked, as in a session over SSH.
#import <Security/Security.h>
#import <Foundation/Foundation.h>
#import <os/log.h>
#import <stdarg.h>

#define CONSTANT(name) const CFStringRef name = (CFStringRef) @ #name;
CONSTANT(kSecClass)
CONSTANT(kSecClassInternetPassword)
CONSTANT(kSecAttrServer)
CONSTANT(kSecAttrAccount)
CONSTANT(kSecAttrSecurityDomain)
CONSTANT(kSecAttrLabel)
CONSTANT(kSecAttrAccessible)
CONSTANT(kSecAttrAccessibleAfterFirstUnlock)
CONSTANT(kSecValueData)
CONSTANT(kSecReturnData)
CONSTANT(kSecReturnAttributes)
CONSTANT(kSecMatchLimit)
CONSTANT(kSecMatchLimitOne)
CONSTANT(kSecMatchLimitAll)

enum { errSecInteractionNotAllowed = -25308 };

static NSLock *turn;
static NSArray *identity; // attributes that tell one item from another
static NSArray *orders;   // keys of a query that say how to search, and not what for

@interface VZKeychain : NSObject
@end
@implementation VZKeychain
+ (void)initialize {
    turn = [[NSLock alloc] init];
    identity = [[NSArray alloc] initWithObjects:(id)kSecClass, (id)kSecAttrServer, (id)kSecAttrAccount,
                                                (id)kSecAttrSecurityDomain, nil];
    orders = [[NSArray alloc] initWithObjects:(id)kSecReturnData, (id)kSecReturnAttributes, (id)kSecMatchLimit, nil];
}
+ (NSString *)path {
    const char *path = getenv("CTRVZ_STANDIN_KEYCHAIN");
    return path ? [NSString stringWithUTF8String:path] : nil;
}
+ (NSMutableArray *)items {
    NSMutableArray *items = [NSMutableArray arrayWithContentsOfFile:[self path]];
    return items ? items : [NSMutableArray array];
}
@end

static BOOL matches(NSDictionary *item, NSDictionary *query) {
    for (id key in [query allKeys]) {
        if (![orders containsObject:key] && ![[item objectForKey:key] isEqual:[query objectForKey:key]]) return NO;
    }
    return YES;
}

static NSIndexSet *found(NSArray *items, NSDictionary *query) {
    NSMutableIndexSet *places = [NSMutableIndexSet indexSet];
    for (NSUInteger at = 0; at < [items count]; at++) {
        if (matches([items objectAtIndex:at], query)) [places addIndex:at];
    }
    return places;
}

// `work` gets the items and the places of those that the query means.
static OSStatus with(CFDictionaryRef query, OSStatus (^work)(NSMutableArray *items, NSIndexSet *places)) {
    OSStatus status = errSecInteractionNotAllowed;
    if ([VZKeychain path] == nil) return status;
    [turn lock];
    @autoreleasepool {
        NSMutableArray *items = [VZKeychain items];
        status = work(items, found(items, (NSDictionary *)query));
        if (status == errSecSuccess) [items writeToFile:[VZKeychain path] atomically:YES];
    }
    [turn unlock];
    return status;
}

OSStatus SecItemAdd(CFDictionaryRef attributes, CFTypeRef *result) {
    (void)result;
    NSMutableDictionary *same = [NSMutableDictionary dictionary];
    for (id key in identity) {
        id value = [(NSDictionary *)attributes objectForKey:key];
        if (value) [same setObject:value forKey:key];
    }
    return with((CFDictionaryRef)same, ^OSStatus(NSMutableArray *items, NSIndexSet *places) {
        if ([places count]) return errSecDuplicateItem;
        [items addObject:(NSDictionary *)attributes];
        return errSecSuccess;
    });
}

OSStatus SecItemCopyMatching(CFDictionaryRef query, CFTypeRef *result) {
    return with(query, ^OSStatus(NSMutableArray *items, NSIndexSet *places) {
        if ([places count] == 0) return errSecItemNotFound;
        BOOL all = [[(NSDictionary *)query objectForKey:(id)kSecMatchLimit] isEqual:(id)kSecMatchLimitAll];
        BOOL data = [[(NSDictionary *)query objectForKey:(id)kSecReturnData] boolValue];
        if (all && data) return errSecParam; // as the real one
        NSMutableArray *chosen = [NSMutableArray array];
        for (NSUInteger at = [places firstIndex]; at != NSNotFound; at = [places indexGreaterThanIndex:at]) {
            NSMutableDictionary *item = [NSMutableDictionary dictionaryWithDictionary:[items objectAtIndex:at]];
            id secret = [[[item objectForKey:(id)kSecValueData] retain] autorelease];
            [item removeObjectForKey:(id)kSecValueData];
            [chosen addObject:data ? secret : item];
        }
        *result = (CFTypeRef)[all ? chosen : [chosen objectAtIndex:0] retain];
        return errSecSuccess;
    });
}

OSStatus SecItemUpdate(CFDictionaryRef query, CFDictionaryRef changes) {
    return with(query, ^OSStatus(NSMutableArray *items, NSIndexSet *places) {
        if ([places count] == 0) return errSecItemNotFound;
        for (NSUInteger at = [places firstIndex]; at != NSNotFound; at = [places indexGreaterThanIndex:at]) {
            NSMutableDictionary *item = [NSMutableDictionary dictionaryWithDictionary:[items objectAtIndex:at]];
            [item addEntriesFromDictionary:(NSDictionary *)changes];
            [items replaceObjectAtIndex:at withObject:item];
        }
        return errSecSuccess;
    });
}

OSStatus SecItemDelete(CFDictionaryRef query) {
    return with(query, ^OSStatus(NSMutableArray *items, NSIndexSet *places) {
        if ([places count] == 0) return errSecItemNotFound;
        [items removeObjectsAtIndexes:places];
        return errSecSuccess;
    });
}

// --- log -----------------------------------------------------------------------------------------------------

struct os_log_s {
    char name[128];
};

os_log_t os_log_create(const char *subsystem, const char *category) {
    static NSMutableDictionary *logs; // they live as long as the process, as the real ones
    os_log_t found;
    @autoreleasepool {
        NSString *name = [NSString stringWithFormat:@"%s/%s", subsystem, category];
        [VZKeychain path];
        [turn lock];
        if (logs == nil) logs = [[NSMutableDictionary alloc] init];
        if ([logs objectForKey:name] == nil) {
            os_log_t made = calloc(1, sizeof *made);
            snprintf(made->name, sizeof made->name, "%s", [name UTF8String]);
            [logs setObject:[NSValue valueWithPointer:made] forKey:name];
        }
        found = [[logs objectForKey:name] pointerValue];
        [turn unlock];
    }
    return found;
}

void os_log_with_type(os_log_t log, os_log_type_t type, const char *format, ...) {
    const char *path = getenv("CTRVZ_STANDIN_LOG");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file == NULL) return;
    va_list arguments;
    va_start(arguments, format);
    // "%{public}s" is the one format that the shim has.
    fprintf(file, "%s %d %s\n", log->name, type, va_arg(arguments, const char *));
    va_end(arguments);
    fclose(file);
}
