// The runtime of blocks. Debian's does not retain the objects that a block captures; this one does.
// Layouts: https://clang.llvm.org/docs/Block-ABI-Apple.html
#import <Foundation/Foundation.h>
#include <stdlib.h>
#include <string.h>

void *_NSConcreteStackBlock[32], *_NSConcreteGlobalBlock[32], *_NSConcreteMallocBlock[32];

enum { HAS_HELPERS = 1 << 25, IS_GLOBAL = 1 << 28 };
enum { IS_OBJECT = 3, IS_BLOCK = 7, IS_BYREF = 8 };

struct descriptor {
    unsigned long reserved, size;
    void (*copy)(void *to, void *from);
    void (*dispose)(void *from);
};

struct block {
    void *isa;
    int flags; // a copy on the heap counts its owners in `reserved`
    int reserved;
    void (*invoke)(void *, ...);
    struct descriptor *descriptor;
};

struct byref {
    void *isa;
    struct byref *forwarding;
    int flags;
    unsigned size;
    void (*keep)(void *to, void *from);
    void (*destroy)(void *from);
};

void *_Block_copy(const void *given) {
    struct block *block = (struct block *)given;
    if (block == NULL || block->flags & IS_GLOBAL) return block;
    if (block->isa == _NSConcreteMallocBlock) {
        __atomic_fetch_add(&block->reserved, 1, __ATOMIC_SEQ_CST);
        return block;
    }
    struct block *copy = malloc(block->descriptor->size);
    memcpy(copy, block, block->descriptor->size);
    copy->isa = _NSConcreteMallocBlock;
    copy->reserved = 1;
    if (copy->flags & HAS_HELPERS) copy->descriptor->copy(copy, block);
    return copy;
}

void _Block_release(const void *given) {
    struct block *block = (struct block *)given;
    if (block == NULL || block->isa != _NSConcreteMallocBlock) return;
    if (__atomic_fetch_sub(&block->reserved, 1, __ATOMIC_SEQ_CST) > 1) return;
    if (block->flags & HAS_HELPERS) block->descriptor->dispose(block);
    free(block);
}

// A variable marked __block moves to the heap with the first block that is copied; `forwarding` finds it. Its
// owners are counted in flags 4 to 15.
static struct byref *copyByref(struct byref *from) {
    from = from->forwarding;
    if (from->isa == _NSConcreteMallocBlock) {
        __atomic_fetch_add(&from->flags, 1 << 4, __ATOMIC_SEQ_CST);
        return from;
    }
    struct byref *copy = malloc(from->size);
    memcpy(copy, from, from->size);
    copy->isa = _NSConcreteMallocBlock;
    copy->flags = (from->flags & ~0xfff0) | 2 << 4; // the copy's, and the frame's that it came from
    copy->forwarding = from->forwarding = copy;
    if (copy->flags & HAS_HELPERS) copy->keep(copy, from);
    return copy;
}

static void releaseByref(struct byref *byref) {
    byref = byref->forwarding;
    if (byref->isa != _NSConcreteMallocBlock) return;
    if (((__atomic_sub_fetch(&byref->flags, 1 << 4, __ATOMIC_SEQ_CST)) & 0xfff0) != 0) return;
    if (byref->flags & HAS_HELPERS) byref->destroy(byref);
    free(byref);
}

void _Block_object_assign(void *to, const void *object, const int flags) {
    switch (flags & 0x8f) {
    case IS_OBJECT: *(id *)to = [(id)object retain]; break;
    case IS_BLOCK: *(void **)to = _Block_copy(object); break;
    case IS_BYREF: *(void **)to = copyByref((struct byref *)object); break;
    default: *(const void **)to = object; // inside a __block variable nothing is retained
    }
}

void _Block_object_dispose(const void *object, const int flags) {
    switch (flags & 0x8f) {
    case IS_OBJECT: [(id)object release]; break;
    case IS_BLOCK: _Block_release(object); break;
    case IS_BYREF: releaseByref((struct byref *)object); break;
    default: break;
    }
}
