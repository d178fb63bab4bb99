/**
 * The numbers of the format that more than one file needs. All hosts that ctr runs on are little-endian, as
 * ext4 is, so tables are written through 32-bit views.
 *
 * @see https://docs.kernel.org/filesystems/ext4/
 */

export const BLOCK_SIZE = 4096;
export const BLOCKS_PER_GROUP = 8 * BLOCK_SIZE; // one bitmap block
export const INODE_SIZE = 256;
export const INODES_PER_BLOCK = BLOCK_SIZE / INODE_SIZE;
export const DESCRIPTOR_SIZE = 64;
export const DESCRIPTORS_PER_BLOCK = BLOCK_SIZE / DESCRIPTOR_SIZE;

export const ROOT_INODE = 2;
export const JOURNAL_INODE = 8;
/** The first that is not reserved; `lost+found` if there is one. */
export const FIRST_INODE = 11;

export const MAX_LINKS = 65_000;
export const MAX_EXTENT_BLOCKS = 32_768;

export const TYPE_MASK = 0o170000;
export const FIFO = 0o010000;
export const CHAR = 0o020000;
export const DIRECTORY = 0o040000;
export const BLOCK_DEVICE = 0o060000;
export const REGULAR = 0o100000;
export const SYMLINK = 0o120000;
export const SOCKET = 0o140000;

export const INDEX_FLAG = 0x1000;
export const EXTENTS_FLAG = 0x80000;

/** What a group descriptor says of tables that were never written. */
export const INODE_UNINIT = 1;
export const BLOCK_UNINIT = 2;
export const INODE_ZEROED = 4;

/** Type of a directory entry, by the type bits of the inode's mode. */
export const ENTRY_TYPES: Readonly<Record<number, number>> = {
  [REGULAR]: 1,
  [DIRECTORY]: 2,
  [CHAR]: 3,
  [BLOCK_DEVICE]: 4,
  [FIFO]: 5,
  [SOCKET]: 6,
  [SYMLINK]: 7,
};

/**
 * Seeds every checksum of a file system but the superblock's. A constant, so that blocks can be written
 * before the UUID is known, which may depend on content (feature `metadata_csum_seed`).
 */
export const CHECKSUM_SEED = 0x63747221 | 0;
