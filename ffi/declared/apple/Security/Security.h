// What ctrvz.m uses of Security.framework and CoreFoundation. Declared by hand from facts.json.
#ifndef CTR_SECURITY_H
#define CTR_SECURITY_H
#include <stdint.h>

typedef const void *CFTypeRef;
typedef const struct __CFString *CFStringRef;
typedef const struct __CFDictionary *CFDictionaryRef;
typedef int32_t OSStatus;

extern void CFRelease(CFTypeRef object);

extern OSStatus SecItemAdd(CFDictionaryRef attributes, CFTypeRef *result);
extern OSStatus SecItemCopyMatching(CFDictionaryRef query, CFTypeRef *result);
extern OSStatus SecItemUpdate(CFDictionaryRef query, CFDictionaryRef attributesToUpdate);
extern OSStatus SecItemDelete(CFDictionaryRef query);

extern const CFStringRef kSecClass;
extern const CFStringRef kSecClassInternetPassword;
extern const CFStringRef kSecAttrServer;
extern const CFStringRef kSecAttrAccount;
extern const CFStringRef kSecAttrSecurityDomain;
extern const CFStringRef kSecAttrLabel;
extern const CFStringRef kSecAttrAccessible;
extern const CFStringRef kSecAttrAccessibleAfterFirstUnlock;
extern const CFStringRef kSecValueData;
extern const CFStringRef kSecReturnData;
extern const CFStringRef kSecReturnAttributes;
extern const CFStringRef kSecMatchLimit;
extern const CFStringRef kSecMatchLimitOne;
extern const CFStringRef kSecMatchLimitAll;

enum { errSecSuccess = 0, errSecParam = -50, errSecDuplicateItem = -25299, errSecItemNotFound = -25300 };

#endif
