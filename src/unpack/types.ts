/** What callers hand to the unpacker and get back. Types alone: a caller that never unpacks loads nothing. */

/** How the bytes of a layer are compressed; `auto` looks at the first bytes. */
export type Compression = "gzip" | "zstd" | "none" | "auto";

/** Where a layer's compressed bytes come from: a stream, or the path of a file that the worker reads itself. */
export type LayerSource = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | string;

/** What a layer may cost before it is refused with `too-large`. */
export interface UnpackLimits {
  /** Entries in the archive. Default 4,194,304. */
  readonly maxEntries?: number;
  /** Bytes after decompression. Default 64 GiB. */
  readonly maxUncompressedBytes?: number;
  /** Bytes of file contents, holes included, that the disk may claim to hold. Default 1 TiB. */
  readonly maxContentBytes?: number;
  /** Character and block devices. Whiteouts do not count. Default 65,536. */
  readonly maxDevices?: number;
}

export interface UnpackLayerOptions {
  readonly source: LayerSource;
  /** Default `auto`. A layer that is not compressed as named is `bad-data`. */
  readonly compression?: Compression;
  /** `sha256:…` of the bytes of `source`. */
  readonly expectedDigest?: string;
  /** `sha256:…` of the bytes after decompression. */
  readonly expectedDiffId?: string;
  /** Path of the disk. Its folder exists; a file of that name is replaced when all is verified. */
  readonly target: string;
  readonly limits?: UnpackLimits;
  readonly signal?: AbortSignal;
  /** An archive like any other: names that mark what is removed are names. Default false. */
  readonly plain?: boolean;
  /** Called on the way with the compressed bytes taken so far. */
  readonly onProgress?: (compressedBytes: number) => void;
}

export interface UnpackedLayer {
  /** `sha256:…` of the uncompressed tar. */
  readonly diffId: string;
  /** `sha256:…` of the bytes as they came. */
  readonly digest: string;
  readonly compressedBytes: number;
  readonly uncompressedBytes: number;
  /** Entries in the archive. */
  readonly entries: number;
  /** Regular files among them that are setuid, setgid or have file capabilities. */
  readonly privilegedFiles: number;
  /** 4096-byte blocks in use on the disk, metadata included. */
  readonly blocks: number;
  /** Length of the disk file. It is sparse: the host pays for at most `blocks`. */
  readonly sizeBytes: number;
}

export interface MergeLayersOptions {
  /** Paths of layer disks, the bottom first. */
  readonly sources: readonly string[];
  readonly target: string;
  /**
   * Keep whiteouts and opaque marks: needed when other layers will lie below the merged disk.
   * False for a disk that is the bottom, or a machine's root.
   */
  readonly keepWhiteouts: boolean;
  /** Bytes that the guest sees, at least the content. Default: what the content needs. */
  readonly capacityBytes?: number;
  /** A journal, for a disk that will be written to. Default false. */
  readonly journal?: boolean;
  /** Default: derived from the content. */
  readonly uuid?: string;
  /** Default: how many privileged files there are, see {@linkcode privilegedFilesOf}. */
  readonly label?: string;
  readonly limits?: UnpackLimits;
  readonly signal?: AbortSignal;
}

export interface MergedLayers {
  readonly entries: number;
  /** Regular files on the merged disk that are setuid, setgid or have file capabilities. */
  readonly privilegedFiles: number;
  readonly blocks: number;
  readonly sizeBytes: number;
}

/** See {@linkcode packDisks}. */
export type PackWhat = "tree" | "layer" | "changes";

/** What the guest itself puts on a writable disk to have something to mount on. */
export interface IgnoredNames {
  /** Directories at the root, with all that is in them. */
  readonly folders: readonly string[];
  /** Files, where they are empty. */
  readonly emptyFiles: readonly string[];
}

export interface PackOptions {
  readonly what: PackWhat;
  /** Paths of layer disks, the bottom first. */
  readonly disks: readonly string[];
  /** The container's writable disk, which nothing writes to meanwhile. */
  readonly upper?: string | undefined;
  /** What counts as no change. */
  readonly ignored?: IgnoredNames;
  readonly limits?: UnpackLimits;
  /** Begins the errors: `cannot export "box"`. */
  readonly doing: string;
}

export interface PackedResult {
  readonly entries: number;
  /** Of the archive before compression. */
  readonly bytes: number;
  /** `sha256:…` of the archive before compression; of a `layer` alone. */
  readonly diffId: string;
}

export interface Packed {
  /** To be taken once. Each piece is valid until the next one is asked for. */
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Resolves when all bytes were taken. */
  readonly result: Promise<PackedResult>;
}
