// A machine's own state, and its devices.
#ifndef CTR_MACHINE_H
#define CTR_MACHINE_H
#import "standin.h"

// One run of QEMU.
@interface VZRun : NSObject {
  @public
    VZPlan *plan;
    VZMonitor *monitor;
    NSDictionary *shutdown; // what QEMU said of its end
    pid_t child;            // -1 once it has ended
    int errors;             // what it says
    int parts;              // of the process and its monitor's connection, those that live
}
@end

typedef struct {
    dispatch_queue_t queue;
    VZVirtualMachineConfiguration *configuration;
    VZVirtualMachineState state;
    id<VZVirtualMachineDelegate> delegate; // not retained
    void (^handler)(NSError *);            // of what goes on
    VZRun *run;                            // nil where none lives
} VZState;

// What all devices of a machine know, in their `own`.
@protocol VZDevice <NSObject>
- (void)join:(VZRun *)run; // QEMU was started
- (void)cut;               // QEMU has ended; also when it was never started
@end
typedef NSObject<VZDevice> VZDevice;

// By kind and number: "vsock0".
NSDictionary *makeDevices(VZVirtualMachine *machine, VZState *state);

#endif
