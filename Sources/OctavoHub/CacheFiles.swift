import Foundation

/// Files of the cache, written so that whoever reads them at any moment finds them whole or not at all.
enum CacheFiles {
    /// Makes the folder that is to hold `path`.
    static func makeFolder(of path: String) throws(HubError) {
        let folder = (path as NSString).deletingLastPathComponent
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw cannotWrite(folder, error.localizedDescription)
        }
    }

    /// Replaces a small file.
    static func write(_ text: String, to path: String) throws(HubError) {
        try makeFolder(of: path)
        do {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw cannotWrite(path, error.localizedDescription)
        }
    }

    /// The size of a file, following links; nil if there is none.
    static func size(of path: String) -> Int? {
        var information = stat()
        guard stat(path, &information) == 0, information.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(information.st_size)
    }

    /// Puts a blob into a snapshot: as a link to it, or where the file system knows no links, as the file itself.
    static func place(blob: String, at path: String, file: String) throws(HubError) {
        try makeFolder(of: path)
        // From `snapshots/COMMIT/FILE` up to the repository's folder.
        let up = String(repeating: "../", count: 2 + file.utf8.count { $0 == UInt8(ascii: "/") })
        let target = up + "blobs/" + (blob as NSString).lastPathComponent
        guard unlink(path) == 0 || errno == ENOENT else { throw unwritable(path) }
        if symlink(target, path) == 0 || errno == EEXIST { return }
        guard [EPERM, EOPNOTSUPP, ENOSYS].contains(errno), rename(blob, path) == 0 else { throw unwritable(path) }
    }

    /// Checks that a folder's disk has room.
    static func checkRoom(for bytes: Int, in folder: String) throws(HubError) {
        var information = statvfs()
        guard statvfs(folder, &information) == 0 else { return }
        let free = Double(information.f_bavail) * Double(information.f_frsize)
        guard free >= Double(bytes) else {
            throw HubError(
                .cannotWrite, folder,
                "the disk has \(Int(free / 0x1p20)) MiB free, but \((bytes >> 20) + 1) MiB are needed",
                remedy: "Make room, or set HF_HUB_CACHE to a folder on another disk.")
        }
    }

    /// The error that `errno` tells.
    static func unwritable(_ path: String) -> HubError { cannotWrite(path, String(cString: strerror(errno))) }

    private static func cannotWrite(_ path: String, _ reason: String) -> HubError {
        HubError(
            .cannotWrite, path, "cannot be written (\(reason))",
            remedy: "Make room or give yourself the rights, or set HF_HUB_CACHE to another folder. "
                + "What was fetched is kept for the next run.")
    }
}
