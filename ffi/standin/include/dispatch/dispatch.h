// Serial queues, as much of libdispatch as the shim uses: a thread for each.
#ifndef CTR_DISPATCH_H
#define CTR_DISPATCH_H

typedef struct dispatch_queue_s *dispatch_queue_t;
typedef void (^dispatch_block_t)(void);
#define DISPATCH_QUEUE_SERIAL ((void *)0)
#define DISPATCH_QUEUE_SERIAL_WITH_AUTORELEASE_POOL ((void *)1) // a pool for each block

#define CTR_SEEN __attribute__((visibility("default"))) // by the tests of the stand-in
CTR_SEEN dispatch_queue_t dispatch_queue_create(const char *label, void *attributes);
CTR_SEEN void dispatch_retain(dispatch_queue_t queue);
CTR_SEEN void dispatch_release(dispatch_queue_t queue);
CTR_SEEN void dispatch_async(dispatch_queue_t queue, dispatch_block_t block);
// Onto the own queue it is a deadlock, and ends the process, as libdispatch does.
CTR_SEEN void dispatch_sync(dispatch_queue_t queue, dispatch_block_t block);
// Ends the process if the calling code does not run on the queue.
CTR_SEEN void dispatch_assert_queue(dispatch_queue_t queue);

#endif
