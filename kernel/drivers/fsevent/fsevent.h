/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctls of /dev/fsevent, and what its three files need of each other.
 *
 * The numbers and layouts are repeated in guest/fileevents.
 */
#ifndef CTR_FSEVENT_H
#define CTR_FSEVENT_H

#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/limits.h>
#include <linux/path.h>
#include <linux/types.h>

enum fsevent_kind {
	FSEVENT_CREATE = 1,
	FSEVENT_MODIFY = 2,
	FSEVENT_ATTRIBUTES = 3,
	FSEVENT_DELETE = 4,
	FSEVENT_RENAME = 5,
	FSEVENT_WRITTEN = 6,	/* a writer has closed it */
};

#define FSEVENT_FOLDER 1u	/* in flags: what the event is about is a folder */

struct fsevent {
	__s32 dir;		/* the folder; O_PATH will do */
	__s32 to_dir;		/* of a rename, else unused */
	__u32 kind;
	__u32 flags;
	char name[NAME_MAX + 1];
	char to_name[NAME_MAX + 1];
};

/* From now on, remember what this kernel changes itself in the file system of a descriptor. */
#define FSEVENT_FOLLOW _IOW('c', 0x71, __s32)
/* Raise an event. Returns 0, or 1 where this kernel caused the change and its listeners know. */
#define FSEVENT_RAISE _IOW('c', 0x72, struct fsevent)

struct fsevent_place {
	struct path dir;
	struct qstr name;
};

void fsevent_raise(const struct fsevent *event, const struct fsevent_place *from,
		   const struct fsevent_place *to);

int fsevent_own_init(void);
int fsevent_own_follow(struct super_block *sb);
bool fsevent_own_caused(const struct fsevent *event, const struct fsevent_place *from,
			const struct fsevent_place *to);
/* Until the end, what the current task raises does not count as a change. One task at a time. */
void fsevent_own_begin_raise(void);
void fsevent_own_end_raise(void);

#endif
