// What ctrvz.m uses of Virtualization.framework, declared by hand from facts.json, which tests compare it with.
// VZ_ROOT is NSObject on macOS; for the stand-in it is a class with storage.
#import <Foundation/Foundation.h>
#import <dispatch/dispatch.h>
#import <net/ethernet.h>
#import <os/availability.h>
#import <vmnet/vmnet.h>

#ifndef VZ_ROOT
#define VZ_ROOT NSObject
#endif

@class VZNetworkDevice, VZVirtioSocketConnection, VZVirtioSocketDevice, VZVirtioSocketListener, VZVirtualMachine;

typedef NS_ENUM(NSInteger, VZVirtualMachineState) {
    VZVirtualMachineStateStopped = 0,
    VZVirtualMachineStateRunning = 1,
    VZVirtualMachineStatePaused = 2,
    VZVirtualMachineStateError = 3,
    VZVirtualMachineStateStarting = 4,
    VZVirtualMachineStatePausing = 5,
    VZVirtualMachineStateResuming = 6,
    VZVirtualMachineStateStopping = 7,
    VZVirtualMachineStateSaving = 8,
    VZVirtualMachineStateRestoring = 9,
};

typedef NS_ENUM(NSInteger, VZDiskImageCachingMode) {
    VZDiskImageCachingModeAutomatic = 0,
    VZDiskImageCachingModeUncached = 1,
    VZDiskImageCachingModeCached = 2,
};

typedef NS_ENUM(NSInteger, VZDiskImageSynchronizationMode) {
    VZDiskImageSynchronizationModeFull = 1,
    VZDiskImageSynchronizationModeFsync = 2,
    VZDiskImageSynchronizationModeNone = 3,
};

typedef NS_ENUM(NSInteger, VZLinuxRosettaAvailability) {
    VZLinuxRosettaAvailabilityNotSupported = 0,
    VZLinuxRosettaAvailabilityNotInstalled = 1,
    VZLinuxRosettaAvailabilityInstalled = 2,
};

// --- boot, platform --------------------------------------------------------------------------------------------

@interface VZBootLoader : VZ_ROOT
@end

@interface VZLinuxBootLoader : VZBootLoader
- (instancetype)initWithKernelURL:(NSURL *)kernelURL;
- (void)setCommandLine:(NSString *)commandLine;
- (void)setInitialRamdiskURL:(NSURL *)initialRamdiskURL;
@end

@interface VZGenericMachineIdentifier : VZ_ROOT
- (instancetype)init;
- (instancetype)initWithDataRepresentation:(NSData *)dataRepresentation;
- (NSData *)dataRepresentation;
@end

@interface VZPlatformConfiguration : VZ_ROOT
@end

@interface VZGenericPlatformConfiguration : VZPlatformConfiguration
+ (BOOL)isNestedVirtualizationSupported;
- (instancetype)init;
- (void)setMachineIdentifier:(VZGenericMachineIdentifier *)machineIdentifier;
- (void)setNestedVirtualizationEnabled:(BOOL)nestedVirtualizationEnabled;
@end

// --- disks -----------------------------------------------------------------------------------------------------

@interface VZStorageDeviceAttachment : VZ_ROOT
@end

@interface VZDiskImageStorageDeviceAttachment : VZStorageDeviceAttachment
- (instancetype)initWithURL:(NSURL *)URL
                   readOnly:(BOOL)readOnly
                cachingMode:(VZDiskImageCachingMode)cachingMode
        synchronizationMode:(VZDiskImageSynchronizationMode)synchronizationMode
                      error:(NSError **)error;
@end

@interface VZStorageDeviceConfiguration : VZ_ROOT
@end

@interface VZVirtioBlockDeviceConfiguration : VZStorageDeviceConfiguration
+ (BOOL)validateBlockDeviceIdentifier:(NSString *)blockDeviceIdentifier error:(NSError **)error;
- (instancetype)initWithAttachment:(VZStorageDeviceAttachment *)attachment;
- (void)setBlockDeviceIdentifier:(NSString *)blockDeviceIdentifier;
@end

// --- networks --------------------------------------------------------------------------------------------------

@interface VZMACAddress : VZ_ROOT
- (instancetype)initWithString:(NSString *)string;
- (ether_addr_t)ethernetAddress;
@end

@interface VZNetworkDeviceAttachment : VZ_ROOT
@end

@interface VZFileHandleNetworkDeviceAttachment : VZNetworkDeviceAttachment
- (instancetype)initWithFileHandle:(NSFileHandle *)fileHandle;
- (void)setMaximumTransmissionUnit:(NSInteger)maximumTransmissionUnit;
@end

@interface VZNATNetworkDeviceAttachment : VZNetworkDeviceAttachment
- (instancetype)init;
@end

API_AVAILABLE(macos(26.0))
@interface VZVmnetNetworkDeviceAttachment : VZNetworkDeviceAttachment
- (instancetype)initWithNetwork:(vmnet_network_ref)network;
@end

@interface VZNetworkDeviceConfiguration : VZ_ROOT
- (void)setMACAddress:(VZMACAddress *)MACAddress;
- (void)setAttachment:(VZNetworkDeviceAttachment *)attachment;
@end

@interface VZVirtioNetworkDeviceConfiguration : VZNetworkDeviceConfiguration
- (instancetype)init;
@end

@interface VZNetworkDevice : VZ_ROOT
@end

// --- console ---------------------------------------------------------------------------------------------------

@interface VZSerialPortAttachment : VZ_ROOT
@end

@interface VZFileSerialPortAttachment : VZSerialPortAttachment
- (instancetype)initWithURL:(NSURL *)URL append:(BOOL)shouldAppend error:(NSError **)error;
@end

@interface VZFileHandleSerialPortAttachment : VZSerialPortAttachment
- (instancetype)initWithFileHandleForReading:(NSFileHandle *)fileHandleForReading
                        fileHandleForWriting:(NSFileHandle *)fileHandleForWriting;
@end

@interface VZSerialPortConfiguration : VZ_ROOT
- (void)setAttachment:(VZSerialPortAttachment *)attachment;
@end

@interface VZVirtioConsoleDeviceSerialPortConfiguration : VZSerialPortConfiguration
- (instancetype)init;
@end

// --- shares ----------------------------------------------------------------------------------------------------

@interface VZSharedDirectory : VZ_ROOT
- (instancetype)initWithURL:(NSURL *)URL readOnly:(BOOL)readOnly;
@end

@interface VZDirectoryShare : VZ_ROOT
@end

@interface VZSingleDirectoryShare : VZDirectoryShare
- (instancetype)initWithDirectory:(VZSharedDirectory *)directory;
@end

@interface VZMultipleDirectoryShare : VZDirectoryShare
+ (BOOL)validateName:(NSString *)name error:(NSError **)error;
- (instancetype)initWithDirectories:(NSDictionary *)directories;
@end

@interface VZLinuxRosettaDirectoryShare : VZDirectoryShare
+ (VZLinuxRosettaAvailability)availability;
+ (void)installRosettaWithCompletionHandler:(void (^)(NSError *error))completionHandler;
- (instancetype)initWithError:(NSError **)error;
@end

@interface VZDirectorySharingDeviceConfiguration : VZ_ROOT
@end

@interface VZVirtioFileSystemDeviceConfiguration : VZDirectorySharingDeviceConfiguration
+ (BOOL)validateTag:(NSString *)tag error:(NSError **)error;
- (instancetype)initWithTag:(NSString *)tag;
- (void)setShare:(VZDirectoryShare *)share;
@end

@interface VZDirectorySharingDevice : VZ_ROOT
@end

@interface VZVirtioFileSystemDevice : VZDirectorySharingDevice
- (NSString *)tag;
- (void)setShare:(VZDirectoryShare *)share;
@end

// --- entropy, balloon ------------------------------------------------------------------------------------------

@interface VZEntropyDeviceConfiguration : VZ_ROOT
@end

@interface VZVirtioEntropyDeviceConfiguration : VZEntropyDeviceConfiguration
- (instancetype)init;
@end

@interface VZMemoryBalloonDeviceConfiguration : VZ_ROOT
@end

@interface VZVirtioTraditionalMemoryBalloonDeviceConfiguration : VZMemoryBalloonDeviceConfiguration
- (instancetype)init;
@end

@interface VZMemoryBalloonDevice : VZ_ROOT
@end

@interface VZVirtioTraditionalMemoryBalloonDevice : VZMemoryBalloonDevice
- (void)setTargetVirtualMachineMemorySize:(uint64_t)targetVirtualMachineMemorySize;
@end

// --- vsock -----------------------------------------------------------------------------------------------------

@interface VZSocketDeviceConfiguration : VZ_ROOT
@end

@interface VZVirtioSocketDeviceConfiguration : VZSocketDeviceConfiguration
- (instancetype)init;
@end

@interface VZSocketDevice : VZ_ROOT
@end

@interface VZVirtioSocketDevice : VZSocketDevice
- (void)setSocketListener:(VZVirtioSocketListener *)listener forPort:(uint32_t)port;
- (void)removeSocketListenerForPort:(uint32_t)port;
- (void)connectToPort:(uint32_t)port
    completionHandler:(void (^)(VZVirtioSocketConnection *connection, NSError *error))completionHandler;
@end

@interface VZVirtioSocketConnection : VZ_ROOT
- (uint32_t)destinationPort;
- (int)fileDescriptor;
- (void)close;
@end

@protocol VZVirtioSocketListenerDelegate <NSObject>
@optional
- (BOOL)listener:(VZVirtioSocketListener *)listener
    shouldAcceptNewConnection:(VZVirtioSocketConnection *)connection
             fromSocketDevice:(VZVirtioSocketDevice *)socketDevice;
@end

@interface VZVirtioSocketListener : VZ_ROOT
- (instancetype)init;
- (void)setDelegate:(id<VZVirtioSocketListenerDelegate>)delegate;
@end

// --- the machine -----------------------------------------------------------------------------------------------

@interface VZVirtualMachineConfiguration : VZ_ROOT
+ (uint64_t)minimumAllowedMemorySize;
+ (uint64_t)maximumAllowedMemorySize;
+ (NSUInteger)minimumAllowedCPUCount;
+ (NSUInteger)maximumAllowedCPUCount;
- (instancetype)init;
- (void)setBootLoader:(VZBootLoader *)bootLoader;
- (void)setPlatform:(VZPlatformConfiguration *)platform;
- (void)setCPUCount:(NSUInteger)CPUCount;
- (void)setMemorySize:(uint64_t)memorySize;
- (void)setStorageDevices:(NSArray *)storageDevices;
- (void)setNetworkDevices:(NSArray *)networkDevices;
- (void)setSerialPorts:(NSArray *)serialPorts;
- (void)setDirectorySharingDevices:(NSArray *)directorySharingDevices;
- (void)setEntropyDevices:(NSArray *)entropyDevices;
- (void)setMemoryBalloonDevices:(NSArray *)memoryBalloonDevices;
- (void)setSocketDevices:(NSArray *)socketDevices;
- (BOOL)validateWithError:(NSError **)error;
- (BOOL)validateSaveRestoreSupportWithError:(NSError **)error;
@end

@protocol VZVirtualMachineDelegate <NSObject>
@optional
- (void)guestDidStopVirtualMachine:(VZVirtualMachine *)virtualMachine;
- (void)virtualMachine:(VZVirtualMachine *)virtualMachine didStopWithError:(NSError *)error;
- (void)virtualMachine:(VZVirtualMachine *)virtualMachine
                           networkDevice:(VZNetworkDevice *)networkDevice
    attachmentWasDisconnectedWithError:(NSError *)error;
@end

@interface VZVirtualMachine : VZ_ROOT
+ (BOOL)isSupported;
- (instancetype)initWithConfiguration:(VZVirtualMachineConfiguration *)configuration queue:(dispatch_queue_t)queue;
- (void)setDelegate:(id<VZVirtualMachineDelegate>)delegate;
- (VZVirtualMachineState)state;
- (NSArray *)socketDevices;
- (NSArray *)networkDevices;
- (NSArray *)memoryBalloonDevices;
- (NSArray *)directorySharingDevices;
- (void)startWithCompletionHandler:(void (^)(NSError *error))completionHandler;
- (void)pauseWithCompletionHandler:(void (^)(NSError *error))completionHandler;
- (void)resumeWithCompletionHandler:(void (^)(NSError *error))completionHandler;
- (void)stopWithCompletionHandler:(void (^)(NSError *error))completionHandler;
- (void)saveMachineStateToURL:(NSURL *)saveFileURL completionHandler:(void (^)(NSError *error))completionHandler;
- (void)restoreMachineStateFromURL:(NSURL *)saveFileURL completionHandler:(void (^)(NSError *error))completionHandler;
- (BOOL)requestStopWithError:(NSError **)error;
@end
