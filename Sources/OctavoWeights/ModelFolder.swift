internal import Foundation

/// The files of a model's folder: on disk, or in memory for tests.
struct ModelFolder {
    /// The folder's path; in memory, what errors call it.
    let path: String
    private let contents: [String: [UInt8]]?

    /// The folder at `path` on disk.
    init(path: String) {
        self.path = path
        contents = nil
    }

    /// A folder of the given files, by name.
    init(path: String, contents: [String: [UInt8]]) {
        self.path = path
        self.contents = contents
    }

    /// Whether the file is there.
    func contains(_ name: String) -> Bool {
        if let contents { return contents[name] != nil }
        return FileManager.default.fileExists(atPath: path + "/" + name)
    }

    /// Opens a file.
    ///
    /// - Throws: `WeightsError` when it is not there or cannot be read.
    func file(_ name: String) throws(WeightsError) -> MappedFile {
        let place = path + "/" + name
        guard let contents else { return try MappedFile(path: place) }
        guard let bytes = contents[name] else { throw WeightsError(path: place, reason: "No such file or directory") }
        return MappedFile(path: place, contents: bytes)
    }

    /// The names of all files, sorted; none for a folder that cannot be read.
    var names: [String] {
        if let contents { return contents.keys.sorted() }
        return ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}
