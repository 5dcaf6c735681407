/// Reads little-endian values from a mapped file, or a part of it, in order; every step is checked against its end.
struct ByteReader {
    let file: MappedFile
    private(set) var offset: Int
    private let end: Int
    /// The metadata key being read, for errors.
    var key: String?
    /// The tensor being read, for errors.
    var tensor: String?

    /// A reader that stands at `offset`, which lies in the file or at its end.
    init(_ file: MappedFile, at offset: Int = 0) {
        self.file = file
        self.offset = offset
        end = file.bytes.count
    }

    /// A reader of `part` of the file.
    init(_ file: MappedFile, in part: Range<Int>) {
        self.file = file
        offset = part.lowerBound
        end = part.upperBound
    }

    var remaining: Int { end - offset }

    mutating func read<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(WeightsError) -> Value {
        let start = offset
        try skip(MemoryLayout<Value>.size)
        return Value(littleEndian: file.bytes.loadUnaligned(fromByteOffset: start, as: Value.self))
    }

    /// A 64-bit count of things of at least `minimumSize` bytes each, all of which must still fit in the file.
    mutating func readCount(minimumSize: Int, of things: String) throws(WeightsError) -> Int {
        let start = offset
        let count = try read(UInt64.self)
        guard count <= UInt64(remaining / minimumSize) else {
            throw failure(
                "\(count) \(things) do not fit in the \(remaining) bytes left: \(WeightsError.fetchAgain)", at: start)
        }
        return Int(count)
    }

    /// A string preceded by its 64-bit length.
    mutating func readString() throws(WeightsError) -> String {
        try readString(count: try readCount(minimumSize: 1, of: "bytes of a string"))
    }

    /// A string of `count` bytes.
    mutating func readString(count: Int) throws(WeightsError) -> String {
        let start = offset
        try skip(count)
        guard let string = String(validating: file.bytes[start..<offset], as: UTF8.self) else {
            throw failure("a string that is not UTF-8", at: start)
        }
        return string
    }

    mutating func skip(_ count: Int) throws(WeightsError) {
        guard count <= remaining else {
            throw failure("\(count) bytes expected, \(remaining) left: \(WeightsError.fetchAgain)")
        }
        offset += count
    }

    /// Moves on to a multiple of `alignment`.
    mutating func align(to alignment: Int) throws(WeightsError) {
        let excess = offset % alignment
        if excess > 0 { try skip(alignment - excess) }
    }

    /// An error at `place`, or where the reader stands.
    func failure(_ reason: String, at place: Int? = nil) -> WeightsError {
        WeightsError(path: file.path, tensor: tensor, key: key, offset: place ?? offset, reason: reason)
    }
}
