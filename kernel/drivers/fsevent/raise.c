// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raises what a change would have raised if it had been made here.
 *
 * What is cached of the name is dropped or asked for anew first, so that a listener who looks sees the truth.
 * Without listeners nothing is asked: the file systems' own timeouts see to what is cached then.
 */
#include <linux/dcache.h>
#include <linux/fsnotify.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/stat.h>

#include "fsevent.h"

/*
 * 9p makes a new inode at each look-up, so several can stand for one folder, and a listener may hold any of
 * them. They share a number. virtiofs has one inode per file.
 */
#define TWINS 8

struct twins {
	struct inode *of;
	struct inode *inodes[TWINS];
	int count;
};

static int is_twin(struct inode *inode, void *argument)
{
	struct twins *twins = argument;

	if (inode == twins->of || inode->i_ino != twins->of->i_ino || !READ_ONCE(inode->i_fsnotify_marks))
		return 0;
	for (int i = 0; i < twins->count; i++)
		if (twins->inodes[i] == inode)
			return 0;
	return 1;
}

static void find_twins(struct twins *twins, struct inode *inode)
{
	struct inode *found;

	*twins = (struct twins){ .of = inode };
	while (twins->count < TWINS &&
	       (found = ilookup5(inode->i_sb, inode->i_ino, is_twin, twins)))
		twins->inodes[twins->count++] = found;
}

static void put_twins(struct twins *twins)
{
	while (twins->count > 0)
		iput(twins->inodes[--twins->count]);
}

static bool watched(const struct inode *inode)
{
	return inode && READ_ONCE(inode->i_fsnotify_marks);
}

/* To the folder: a name in it has changed. `inode` may be absent. */
static void tell_name(const struct fsevent_place *place, struct inode *inode, u32 mask, u32 cookie)
{
	struct inode *dir = d_inode(place->dir.dentry);
	struct twins twins;

	find_twins(&twins, dir);
	fsnotify(mask, inode ?: dir, FSNOTIFY_EVENT_INODE, dir, &place->name, NULL, cookie);
	for (int i = 0; i < twins.count; i++)
		fsnotify(mask, inode ?: dir, FSNOTIFY_EVENT_INODE, twins.inodes[i], &place->name, NULL, cookie);
	put_twins(&twins);
}

/* To the file itself. */
static void tell_self(struct inode *inode, u32 mask)
{
	struct twins twins;

	find_twins(&twins, inode);
	fsnotify_inode(inode, mask);
	for (int i = 0; i < twins.count; i++)
		fsnotify_inode(twins.inodes[i], mask);
	put_twins(&twins);
}

/* To both: the file has changed under its name. */
static void tell_content(const struct fsevent_place *place, struct inode *inode, u32 mask)
{
	struct inode *dir = d_inode(place->dir.dentry);
	struct twins dirs, files;

	if (S_ISDIR(inode->i_mode))
		mask |= FS_ISDIR;
	find_twins(&dirs, dir);
	find_twins(&files, inode);
	fsnotify(mask | FS_EVENT_ON_CHILD, inode, FSNOTIFY_EVENT_INODE, dir, &place->name, inode, 0);
	for (int i = 0; i < dirs.count; i++)
		fsnotify(mask | FS_EVENT_ON_CHILD, inode, FSNOTIFY_EVENT_INODE, dirs.inodes[i], &place->name,
			 inode, 0);
	for (int i = 0; i < files.count; i++)
		fsnotify_inode(files.inodes[i], mask);
	put_twins(&files);
	put_twins(&dirs);
}

static bool has_twins(struct inode *inode)
{
	struct twins twins;
	bool any;

	find_twins(&twins, inode);
	any = twins.count > 0;
	put_twins(&twins);
	return any;
}

static int ask(const struct fsevent_place *place, struct dentry *dentry, struct kstat *stat)
{
	struct path path = { .mnt = place->dir.mnt, .dentry = dentry };

	return vfs_getattr(&path, stat, STATX_BASIC_STATS, AT_STATX_FORCE_SYNC);
}

/* What is at the name by the host's word, with fresh attributes; NULL if nothing is. */
static struct dentry *look(const struct fsevent_place *place)
{
	struct dentry *dentry =
		lookup_one_positive_unlocked(&nop_mnt_idmap, place->name.name, place->dir.dentry, place->name.len);
	struct kstat stat;

	if (IS_ERR(dentry))
		return NULL;
	if (ask(place, dentry, &stat) == 0)
		return dentry;
	d_invalidate(dentry);
	dput(dentry);
	return NULL;
}

/* The folder's own times have changed with a name in it. */
static void refresh_folder(const struct fsevent_place *place)
{
	struct kstat stat;

	ask(place, place->dir.dentry, &stat);
}

static struct dentry *cached(const struct fsevent_place *place)
{
	return d_lookup(place->dir.dentry, &place->name);
}

/*
 * Nobody finds it under this name any more. Its inode, if it was known; the caller puts it.
 *
 * @gone: whether it has no name at all.
 */
static struct inode *forget(const struct fsevent_place *place, bool *gone)
{
	struct dentry *dentry = cached(place), *now;
	struct inode *inode = NULL;
	struct kstat stat;

	*gone = false;
	if (!dentry)
		return NULL;
	if (d_is_positive(dentry))
		inode = igrab(d_inode(dentry));
	if (inode && watched(inode)) {
		*gone = ask(place, dentry, &stat) != 0 || stat.nlink == 0;
		d_invalidate(dentry);
		/* Not every file system counts a removed folder's links down to nothing. */
		if (!*gone && S_ISDIR(inode->i_mode)) {
			now = look(place);
			*gone = !now || d_inode(now) != inode;
			dput(now);
		}
	} else {
		d_invalidate(dentry);
	}
	dput(dentry);
	return inode;
}

/* To a file that has lost a name. */
static void tell_lost_name(struct inode *inode, bool gone)
{
	if (gone)
		fsnotify_inoderemove(inode);
	else
		tell_self(inode, FS_ATTRIB);
}

static u32 folder_flag(const struct fsevent *event, const struct inode *inode)
{
	return (inode ? S_ISDIR(inode->i_mode) : event->flags & FSEVENT_FOLDER) ? FS_ISDIR : 0;
}

static bool folder_listens(const struct fsevent_place *place)
{
	struct inode *dir = d_inode(place->dir.dentry);

	return watched(dir) || has_twins(dir);
}

/* Anywhere in the file system, apart from the mark of own.c. */
static bool anyone_listens(const struct fsevent_place *place)
{
	struct super_block *sb = place->dir.dentry->d_sb;

	return fsnotify_sb_info(sb) && atomic_long_read(fsnotify_sb_watched_objects(sb)) > 1;
}

static void raise_create(const struct fsevent *event, const struct fsevent_place *place)
{
	struct dentry *dentry = cached(place);
	struct kstat stat;

	/* An absence was true before. What is there may have been looked up since, and be in use. */
	if (dentry && (d_is_negative(dentry) || ask(place, dentry, &stat) != 0 || stat.nlink == 0))
		d_invalidate(dentry);
	dput(dentry);
	if (!folder_listens(place))
		return;
	refresh_folder(place);
	dentry = look(place);
	tell_name(place, dentry ? d_inode(dentry) : NULL,
		  FS_CREATE | folder_flag(event, dentry ? d_inode(dentry) : NULL), 0);
	dput(dentry);
}

static void raise_delete(const struct fsevent *event, const struct fsevent_place *place)
{
	bool gone;
	struct inode *inode = forget(place, &gone);

	if (inode && watched(inode))
		tell_lost_name(inode, gone);
	if (folder_listens(place)) {
		refresh_folder(place);
		tell_name(place, inode, FS_DELETE | folder_flag(event, inode), 0);
	}
	iput(inode);
}

static void raise_content(const struct fsevent_place *place, u32 mask)
{
	struct dentry *dentry = cached(place);
	bool known = dentry;
	bool listens = folder_listens(place) ||
		       (dentry && d_is_positive(dentry) && watched(d_inode(dentry)));

	dput(dentry);
	/* A name that is not kept (9p keeps none) may yet stand for a file that is watched. */
	if (!listens && (known || !anyone_listens(place)))
		return;
	dentry = look(place);
	if (dentry)
		tell_content(place, d_inode(dentry), mask);
	dput(dentry);
}

/*
 * A folder's dentry is not dropped at its old name: looking the new name up moves it there, with whoever stands
 * in it and with what is mounted below.
 */
static void raise_rename(const struct fsevent *event, const struct fsevent_place *from,
			 const struct fsevent_place *to)
{
	struct dentry *old = cached(from), *moved;
	bool replaced_gone;
	struct inode *replaced = forget(to, &replaced_gone), *source = NULL;
	u32 cookie = fsnotify_get_cookie(), folder;

	if (old && !(d_is_positive(old) && d_is_dir(old))) {
		if (d_is_positive(old))
			source = igrab(d_inode(old));
		d_invalidate(old);
	}
	moved = look(to);
	if (old && !d_unhashed(old) && (!moved || d_inode(moved) != d_inode(old)))
		d_invalidate(old);
	if (moved) {
		iput(source);
		source = igrab(d_inode(moved));
	}
	refresh_folder(from);
	if (to->dir.dentry != from->dir.dentry)
		refresh_folder(to);
	folder = folder_flag(event, source);
	tell_name(from, source, FS_MOVED_FROM | folder, cookie);
	tell_name(to, source, FS_MOVED_TO | folder, cookie);
	if (replaced && replaced != source && watched(replaced))
		tell_lost_name(replaced, replaced_gone);
	if (source)
		tell_self(source, FS_MOVE_SELF);
	iput(replaced);
	iput(source);
	dput(moved);
	dput(old);
}

void fsevent_raise(const struct fsevent *event, const struct fsevent_place *from, const struct fsevent_place *to)
{
	switch (event->kind) {
	case FSEVENT_CREATE:
		return raise_create(event, from);
	case FSEVENT_DELETE:
		return raise_delete(event, from);
	case FSEVENT_RENAME:
		return raise_rename(event, from, to);
	case FSEVENT_ATTRIBUTES:
		return raise_content(from, FS_ATTRIB);
	case FSEVENT_WRITTEN:
		return raise_content(from, FS_CLOSE_WRITE);
	default:
		return raise_content(from, FS_MODIFY);
	}
}
