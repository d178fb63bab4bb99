// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/fsevent: changes that somebody else made in a shared file system, told to this kernel.
 *
 * virtiofs and 9p do not say that a file was changed on the host, so whoever watches it here would wait for
 * ever. The init of the guest gets the host's events and raises them by this device. It raises, and nothing
 * more: no file is opened or changed, so nothing of it comes back to the host.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/stringhash.h>
#include <linux/uaccess.h>

#include "fsevent.h"

static DEFINE_MUTEX(raising);

static int fsevent_open(struct inode *inode, struct file *file)
{
	return capable(CAP_SYS_ADMIN) ? nonseekable_open(inode, file) : -EPERM;
}

static long follow(int __user *argument)
{
	int number;

	if (get_user(number, argument))
		return -EFAULT;
	CLASS(fd_raw, fd)(number);
	if (fd_empty(fd))
		return -EBADF;
	return fsevent_own_follow(file_inode(fd_file(fd))->i_sb);
}

/* One component, which leads nowhere else. */
static int name_it(struct fsevent_place *place, struct file *file, const char *name)
{
	size_t length = strnlen(name, NAME_MAX + 1);

	if (length == 0 || length > NAME_MAX || memchr(name, '/', length) ||
	    !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	if (!S_ISDIR(file_inode(file)->i_mode))
		return -ENOTDIR;
	place->dir = file->f_path;
	place->name = (struct qstr)QSTR_INIT(name, length);
	place->name.hash = full_name_hash(place->dir.dentry, name, length);
	return 0;
}

static long raise_at(const struct fsevent *event)
{
	struct fsevent_place from, to;
	bool rename = event->kind == FSEVENT_RENAME;
	bool own;
	int error;

	if (event->kind < FSEVENT_CREATE || event->kind > FSEVENT_WRITTEN)
		return -EINVAL;
	CLASS(fd_raw, dir)(event->dir);
	CLASS(fd_raw, to_dir)(rename ? event->to_dir : event->dir);
	if (fd_empty(dir) || fd_empty(to_dir))
		return -EBADF;
	error = name_it(&from, fd_file(dir), event->name);
	if (!error)
		error = name_it(&to, fd_file(to_dir), rename ? event->to_name : event->name);
	if (!error && from.dir.dentry->d_sb != to.dir.dentry->d_sb)
		error = -EXDEV;
	if (error)
		return error;

	mutex_lock(&raising);
	own = fsevent_own_caused(event, &from, &to);
	if (!own) {
		fsevent_own_begin_raise();
		fsevent_raise(event, &from, &to);
		fsevent_own_end_raise();
	}
	mutex_unlock(&raising);
	return own;
}

static long fsevent_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct fsevent *event;
	long result;

	if (command == FSEVENT_FOLLOW)
		return follow((int __user *)argument);
	if (command != FSEVENT_RAISE)
		return -ENOTTY;
	event = memdup_user((void __user *)argument, sizeof(*event));
	if (IS_ERR(event))
		return PTR_ERR(event);
	result = raise_at(event);
	kfree(event);
	return result;
}

static const struct file_operations fsevent_operations = {
	.owner = THIS_MODULE,
	.open = fsevent_open,
	.unlocked_ioctl = fsevent_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice fsevent_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "fsevent",
	.fops = &fsevent_operations,
	.mode = 0600,
};

static int __init fsevent_init(void)
{
	int error = fsevent_own_init();

	return error ? error : misc_register(&fsevent_device);
}
device_initcall(fsevent_init);
