/// The entries of a zip file whose contents are stored as they are, as PyTorch writes them.
///
/// Opening one reads the directory at the end of the file and every entry's own header, whose lengths decide where the
/// contents begin: PyTorch aligns them by padding that the directory does not know.
///
/// - SeeAlso: PKWARE's APPNOTE.TXT, 4.3.
struct ZipArchive {
    /// Where the contents of each entry lie in the file, by name.
    let entries: [String: Range<Int>]
    private let file: MappedFile

    private enum Signature {
        static let localHeader: UInt32 = 0x0403_4B50
        static let directoryEntry: UInt32 = 0x0201_4B50
        static let end: UInt32 = 0x0605_4B50
        static let zip64Locator: UInt32 = 0x0706_4B50
        static let zip64End: UInt32 = 0x0606_4B50
    }

    /// Reads the directory of `file`.
    ///
    /// - Throws: `WeightsError` when it is no zip file or is cut short, and for entries that are compressed, encrypted,
    ///   outside of the file, upon each other, or of one name.
    init(_ file: MappedFile) throws(WeightsError) {
        self.file = file
        let directory = try Self.findDirectory(file)
        var reader = ByteReader(file, in: directory.range)
        guard directory.count <= directory.range.count / 46 else {
            throw reader.failure(
                "\(directory.count) zip entries do not fit in \(directory.range.count) bytes: \(WeightsError.fetchAgain)"
            )
        }
        var entries: [String: Range<Int>] = [:]
        entries.reserveCapacity(directory.count)
        for _ in 0..<directory.count {
            let start = reader.offset
            let (name, contents) = try Self.readEntry(&reader)
            guard entries.updateValue(contents, forKey: name) == nil else {
                throw reader.failure("the zip entry \(name) stands in the file twice", at: start)
            }
        }
        self.entries = entries
        try refuseOverlaps()
    }

    /// Two tensors that share bytes are one storage in PyTorch's files; overlapping entries are somebody's trick.
    private func refuseOverlaps() throws(WeightsError) {
        var end = 0
        for (name, contents) in entries.sorted(by: { $0.value.lowerBound < $1.value.lowerBound })
        where !contents.isEmpty {
            guard contents.lowerBound >= end else {
                throw WeightsError(
                    path: file.path, offset: contents.lowerBound, reason: "the zip entry \(name) overlaps another")
            }
            end = contents.upperBound
        }
    }
}

// MARK: - The directory

extension ZipArchive {
    private struct Directory {
        var count: Int
        var range: Range<Int>
    }

    /// Finds the directory by the record at the file's end, which a comment of up to 64 KiB may follow.
    private static func findDirectory(_ file: MappedFile) throws(WeightsError) -> Directory {
        let size = file.bytes.count
        var place = size - 22
        while place >= max(0, size - 22 - 0xFFFF), file.uint32(at: place) != Signature.end { place -= 1 }
        guard place >= max(0, size - 22 - 0xFFFF) else {
            throw WeightsError(
                path: file.path,
                reason:
                    "is not a zip file as PyTorch 1.6 and newer write: \(WeightsError.fetchAgain), or save it again if it is "
                    + "older"
            )
        }
        var reader = ByteReader(file, at: place + 10)
        var count = UInt64(try reader.read(UInt16.self))
        var byteCount = UInt64(try reader.read(UInt32.self))
        var offset = UInt64(try reader.read(UInt32.self))
        if count == 0xFFFF || byteCount == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
            (count, byteCount, offset) = try readZip64End(file, before: place)
        }
        guard offset <= UInt64(size), byteCount <= UInt64(size) - offset, let entryCount = Int(exactly: count) else {
            throw reader.failure("the zip directory lies outside of the file: \(WeightsError.fetchAgain)", at: place)
        }
        return Directory(count: entryCount, range: Int(offset)..<Int(offset + byteCount))
    }

    /// The same numbers in 64 bits; a locator right before the 32-bit record tells where.
    private static func readZip64End(
        _ file: MappedFile, before end: Int
    ) throws(WeightsError) -> (count: UInt64, byteCount: UInt64, offset: UInt64) {
        let failure = WeightsError(path: file.path, offset: end, reason: "a zip file without its 64-bit directory")
        guard end >= 20, file.uint32(at: end - 20) == Signature.zip64Locator else { throw failure }
        var locator = ByteReader(file, at: end - 12)
        let place = try locator.read(UInt64.self)
        guard let place = Int(exactly: place), place <= end - 20 - 56, file.uint32(at: place) == Signature.zip64End
        else { throw failure }
        var reader = ByteReader(file, at: place + 32)
        return (try reader.read(), try reader.read(), try reader.read())
    }
}

// MARK: - Entries

extension ZipArchive {
    private static func readEntry(
        _ reader: inout ByteReader
    ) throws(WeightsError) -> (name: String, contents: Range<Int>) {
        let start = reader.offset
        guard try reader.read(UInt32.self) == Signature.directoryEntry else {
            throw reader.failure("a zip directory that is damaged", at: start)
        }
        try reader.skip(4)
        let flags = try reader.read(UInt16.self)
        let method = try reader.read(UInt16.self)
        try reader.skip(8)
        var sizes = try EntrySizes(compressed: UInt64(reader.read(UInt32.self)), full: UInt64(reader.read(UInt32.self)))
        let nameCount = Int(try reader.read(UInt16.self))
        let extraCount = Int(try reader.read(UInt16.self))
        let commentCount = Int(try reader.read(UInt16.self))
        try reader.skip(8)
        sizes.headerOffset = UInt64(try reader.read(UInt32.self))
        let name = try reader.readString(count: nameCount)
        let extraStart = reader.offset
        try reader.skip(extraCount)
        try sizes.widen(from: reader.file, in: extraStart..<reader.offset)
        try reader.skip(commentCount)
        guard flags & 1 == 0 else { throw reader.failure("the zip entry \(name) is encrypted", at: start) }
        guard method == 0, sizes.compressed == sizes.full else {
            throw reader.failure(
                "the zip entry \(name) is compressed: save the file by torch.save, which compresses nothing", at: start)
        }
        return (name, try contents(of: name, sizes, in: reader.file))
    }

    /// Where the bytes of an entry are, by the lengths in its own header.
    private static func contents(
        of name: String, _ sizes: EntrySizes, in file: MappedFile
    ) throws(WeightsError) -> Range<Int> {
        let size = file.bytes.count
        guard let header = Int(exactly: sizes.headerOffset), header <= size - 30,
            file.uint32(at: header) == Signature.localHeader
        else { throw WeightsError(path: file.path, reason: "the zip entry \(name) has no header in the file") }
        var reader = ByteReader(file, at: header + 26)
        let nameCount = Int(try reader.read(UInt16.self))
        let extraCount = Int(try reader.read(UInt16.self))
        let start = header + 30 + nameCount + extraCount
        guard start <= size, sizes.full <= UInt64(size - start) else {
            throw reader.failure(
                "the zip entry \(name), of \(sizes.full) bytes, reaches beyond the end of the file: "
                    + WeightsError.fetchAgain)
        }
        return start..<start + Int(sizes.full)
    }
}

/// The lengths and the place of an entry, which zip64 widens.
private struct EntrySizes {
    var compressed: UInt64
    var full: UInt64
    var headerOffset: UInt64 = 0

    init(compressed: UInt64, full: UInt64) {
        self.compressed = compressed
        self.full = full
    }

    /// Replaces numbers that are all ones by those of the zip64 field among the extra fields, which has them in this order.
    mutating func widen(from file: MappedFile, in extra: Range<Int>) throws(WeightsError) {
        let all32: UInt64 = 0xFFFF_FFFF
        guard compressed == all32 || full == all32 || headerOffset == all32 else { return }
        var reader = ByteReader(file, in: extra)
        while reader.remaining >= 4 {
            let kind = try reader.read(UInt16.self)
            let count = Int(try reader.read(UInt16.self))
            guard kind == 1 else {
                try reader.skip(count)
                continue
            }
            if full == all32 { full = try reader.read() }
            if compressed == all32 { compressed = try reader.read() }
            if headerOffset == all32 { headerOffset = try reader.read() }
            return
        }
        throw reader.failure("a large zip entry without its 64-bit sizes")
    }
}

extension MappedFile {
    /// The number at `offset`, where four bytes lie; 0 if they do not.
    fileprivate func uint32(at offset: Int) -> UInt32 {
        guard offset >= 0, offset <= bytes.count - 4 else { return 0 }
        return UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}
