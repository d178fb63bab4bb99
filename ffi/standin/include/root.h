// Included before everything: what the shim's source finds on macOS and not here.
#ifndef CTR_ROOT_H
#define CTR_ROOT_H
#ifdef __OBJC__
#import <Foundation/Foundation.h>

// The runtime of GCC lays instance variables out at compile time, so the classes that stand in for Apple's, which
// are declared without any, all have these.
@interface VZStandIn : NSObject <NSCopying> {
  @public
    NSMutableDictionary *values; // the properties, by name
    void *own;                   // what a class keeps in C
}
- (id)at:(NSString *)key;
- (void)put:(id)value at:(NSString *)key;
@end

#define VZ_ROOT VZStandIn
#endif
#endif
