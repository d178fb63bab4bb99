// Serial queues: a thread and a list each.
#import <Foundation/Foundation.h>
#include <dispatch/dispatch.h>
#include <objc/blocks_runtime.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    dispatch_block_t block;
    struct item *next;
};

struct dispatch_queue_s {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct item *first, **last;
    int pools;  // each block has one
    int owners; // each block that waits is one, so no queue goes before its work is done
    char label[32];
};

static __thread dispatch_queue_t current;

static void __attribute__((noreturn)) trap(const char *what, dispatch_queue_t queue) {
    fprintf(stderr, "trap: %s, queue %s\n", what, queue->label);
    abort();
}

static void *run(void *argument) {
    dispatch_queue_t queue = current = argument;
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->first == NULL && queue->owners > 0) pthread_cond_wait(&queue->changed, &queue->lock);
        struct item *item = queue->first;
        if (item == NULL) break;
        if ((queue->first = item->next) == NULL) queue->last = &queue->first;
        pthread_mutex_unlock(&queue->lock);
        if (queue->pools) {
            @autoreleasepool {
                item->block();
            }
        } else {
            item->block();
        }
        _Block_release(item->block);
        free(item);
        pthread_mutex_lock(&queue->lock);
        queue->owners--;
    }
    pthread_mutex_unlock(&queue->lock);
    current = NULL;
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
    return NULL;
}

void makeClassesReady(void); // of values.m

dispatch_queue_t dispatch_queue_create(const char *label, void *attributes) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, makeClassesReady);
    dispatch_queue_t queue = calloc(1, sizeof *queue);
    queue->pools = attributes != NULL;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->changed, NULL);
    queue->last = &queue->first;
    queue->owners = 1;
    snprintf(queue->label, sizeof queue->label, "%s", label);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, queue) != 0) abort();
    pthread_detach(thread);
    return queue;
}

void dispatch_retain(dispatch_queue_t queue) {
    pthread_mutex_lock(&queue->lock);
    queue->owners++;
    pthread_mutex_unlock(&queue->lock);
}

void dispatch_release(dispatch_queue_t queue) {
    pthread_mutex_lock(&queue->lock);
    queue->owners--;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void dispatch_async(dispatch_queue_t queue, dispatch_block_t block) {
    struct item *item = calloc(1, sizeof *item);
    item->block = Block_copy(block);
    pthread_mutex_lock(&queue->lock);
    if (queue->owners <= 0) trap("work for a queue that was released", queue);
    queue->owners++;
    *queue->last = item;
    queue->last = &item->next;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

struct gate {
    pthread_mutex_t lock;
    pthread_cond_t opened;
    int open;
};

void dispatch_sync(dispatch_queue_t queue, dispatch_block_t block) {
    if (current == queue) trap("dispatch_sync onto the own queue", queue);
    struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .opened = PTHREAD_COND_INITIALIZER };
    struct gate *waits = &gate;
    dispatch_async(queue, ^{
        block();
        pthread_mutex_lock(&waits->lock);
        waits->open = 1;
        pthread_cond_signal(&waits->opened);
        pthread_mutex_unlock(&waits->lock);
    });
    pthread_mutex_lock(&gate.lock);
    while (!gate.open) pthread_cond_wait(&gate.opened, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

void dispatch_assert_queue(dispatch_queue_t queue) {
    if (current != queue) trap("used off its queue", queue);
}
