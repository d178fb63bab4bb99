// SPDX-License-Identifier: GPL-2.0-only
/*
 * What this kernel changes itself in the shared file systems, so that the echo is known.
 *
 * The host notices each change in a shared folder, also those that came from here. Their listeners were told
 * when they happened, so the echo is dropped. A mark on the whole file system (as fanotify's) sees what happens
 * here; a table of fixed size holds it. Entries of names are counted: one change here swallows one echo.
 * Writing is not: the host merges repeated writes, so an echo is whatever comes within a second after the last.
 */
#include <linux/fsnotify.h>
#include <linux/jhash.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

#include "fsevent.h"

#define SETS 1024u
#define WAYS 4u
/* A host that is busy is late, and the count says how many echoes there can be at all. */
#define NAME_WINDOW (10 * HZ)
#define WRITE_WINDOW HZ

#define NAME_EVENTS (FS_CREATE | FS_DELETE | FS_MOVED_FROM | FS_MOVED_TO)
#define WRITE_EVENTS (FS_MODIFY | FS_ATTRIB | FS_CLOSE_WRITE)

struct entry {
	u64 key;		/* 0: free */
	unsigned long at;
	unsigned int count;
};

static struct fsnotify_group *group;
static struct entry (*table)[WAYS];
static DEFINE_SPINLOCK(table_lock);
static struct task_struct *raiser;

static u64 key_of(const struct inode *inode, const struct qstr *name, u32 event)
{
	u32 words[] = {
		(u32)inode->i_ino, (u32)((u64)inode->i_ino >> 32), (u32)inode->i_sb->s_dev,
		event, name ? jhash(name->name, name->len, 0) : 0, name ? name->len : 0,
	};

	return ((u64)jhash2(words, ARRAY_SIZE(words), 1) << 32 | jhash2(words, ARRAY_SIZE(words), 2)) ?: 1;
}

static unsigned long window_of(u32 event)
{
	return event & NAME_EVENTS ? NAME_WINDOW : WRITE_WINDOW;
}

static struct entry *find(u64 key)
{
	struct entry *set = table[key % SETS];

	for (unsigned int i = 0; i < WAYS; i++)
		if (set[i].key == key)
			return &set[i];
	return NULL;
}

static void remember(const struct inode *inode, const struct qstr *name, u32 event)
{
	u64 key = key_of(inode, name, event);
	struct entry *entry;

	spin_lock(&table_lock);
	entry = find(key);
	if (!entry) {
		struct entry *set = table[key % SETS];

		entry = &set[0];
		for (unsigned int i = 1; i < WAYS && entry->key; i++)
			if (!set[i].key || time_before(set[i].at, entry->at))
				entry = &set[i];
		*entry = (struct entry){ .key = key };
	} else if (time_after(jiffies, entry->at + window_of(event))) {
		entry->count = 0;
	}
	entry->at = jiffies;
	entry->count++;
	spin_unlock(&table_lock);
}

static struct entry *find_late(const struct inode *inode, const struct qstr *name, u32 event)
{
	struct entry *entry = find(key_of(inode, name, event));

	if (entry && time_after(jiffies, entry->at + window_of(event))) {
		entry->key = 0;
		return NULL;
	}
	return entry;
}

static void use_up(struct entry *entry)
{
	if (--entry->count == 0)
		entry->key = 0;
}

/* True if it happened here lately. A name's entry is used up by that. */
static bool caused(const struct inode *inode, const struct qstr *name, u32 event)
{
	struct entry *entry;

	spin_lock(&table_lock);
	entry = find_late(inode, name, event);
	if (entry && event & NAME_EVENTS)
		use_up(entry);
	spin_unlock(&table_lock);
	return entry;
}

static bool caused_rename(const struct fsevent_place *from, const struct fsevent_place *to)
{
	struct entry *left, *came;

	spin_lock(&table_lock);
	left = find_late(d_inode(from->dir.dentry), &from->name, FS_MOVED_FROM);
	came = find_late(d_inode(to->dir.dentry), &to->name, FS_MOVED_TO);
	if (left && came) {
		use_up(left);
		use_up(came);
	}
	spin_unlock(&table_lock);
	return left && came;
}

static int happened(struct fsnotify_group *of, u32 mask, const void *data, int data_type,
		    struct inode *dir, const struct qstr *name, u32 cookie,
		    struct fsnotify_iter_info *iter_info)
{
	struct inode *inode = fsnotify_data_inode(data, data_type);

	if (READ_ONCE(raiser) == current)
		return 0;
	for (u32 left = mask & NAME_EVENTS; dir && name && left; left &= left - 1)
		remember(dir, name, left & -left);
	for (u32 left = mask & WRITE_EVENTS; inode && left; left &= left - 1)
		remember(inode, NULL, left & -left);
	/* The host gives a new file its owner in a step of its own. */
	if (inode && mask & FS_CREATE)
		remember(inode, NULL, FS_ATTRIB);
	return 0;
}

static void free_mark(struct fsnotify_mark *mark)
{
	kfree(mark);
}

static const struct fsnotify_ops operations = {
	.handle_event = happened,
	.free_mark = free_mark,
};

int __init fsevent_own_init(void)
{
	group = fsnotify_alloc_group(&operations, 0);
	return PTR_ERR_OR_ZERO(group);
}

static int make_table(void)
{
	static DEFINE_MUTEX(making);
	int error = 0;

	mutex_lock(&making);
	if (!table)
		table = vzalloc(SETS * sizeof(*table));
	if (!table)
		error = -ENOMEM;
	mutex_unlock(&making);
	return error;
}

int fsevent_own_follow(struct super_block *sb)
{
	struct fsnotify_mark *mark;
	int error = make_table();

	if (error)
		return error;
	mark = kzalloc(sizeof(*mark), GFP_KERNEL);
	if (!mark)
		return -ENOMEM;
	fsnotify_init_mark(mark, group);
	mark->mask = NAME_EVENTS | WRITE_EVENTS;
	error = fsnotify_add_mark(mark, sb, FSNOTIFY_OBJ_TYPE_SB, 0);
	fsnotify_put_mark(mark);
	return error == -EEXIST ? 0 : error;
}

/* The inode of a name that this kernel knows; the caller puts it. */
static struct inode *known(const struct fsevent_place *place)
{
	struct dentry *dentry = d_lookup(place->dir.dentry, &place->name);
	struct inode *inode = dentry && d_is_positive(dentry) ? igrab(d_inode(dentry)) : NULL;

	dput(dentry);
	return inode;
}

static bool caused_write(const struct fsevent_place *place, u32 event)
{
	struct inode *inode = known(place);
	bool own = inode && caused(inode, NULL, event);

	iput(inode);
	return own;
}

/*
 * A rename of which the host saw one half alone is told as a creation or a deletion.
 */
bool fsevent_own_caused(const struct fsevent *event, const struct fsevent_place *from,
			const struct fsevent_place *to)
{
	struct inode *dir = d_inode(from->dir.dentry);

	if (!table)
		return false;
	switch (event->kind) {
	case FSEVENT_CREATE:
		return caused(dir, &from->name, FS_CREATE) || caused(dir, &from->name, FS_MOVED_TO);
	case FSEVENT_DELETE:
		return caused(dir, &from->name, FS_DELETE) || caused(dir, &from->name, FS_MOVED_FROM);
	case FSEVENT_MODIFY:
		return caused_write(from, FS_MODIFY);
	case FSEVENT_ATTRIBUTES:
		return caused_write(from, FS_ATTRIB);
	case FSEVENT_WRITTEN:
		return caused_write(from, FS_CLOSE_WRITE);
	default:
		return caused_rename(from, to);
	}
}

void fsevent_own_begin_raise(void)
{
	WRITE_ONCE(raiser, current);
}

void fsevent_own_end_raise(void)
{
	WRITE_ONCE(raiser, NULL);
}
