internal import Crypto
import Foundation
internal import OctavoJobs

/// Splits the files of a batch into lines, in constant memory.
///
/// Lines end at `\n` alone; the `\r` of a CRLF stays, being white space to JSON. A UTF-8 byte order mark at the start
/// of a file is skipped. A last line without `\n` is a line; an empty rest after the last `\n` is none.
///
/// In a file of CSV, a "line" is a record: the `\n` within quotes do not end it. It is numbered by its first line.
public struct BatchFileReader {
    /// A place between two lines, at which reading can be taken up again.
    public struct Position: Sendable, Hashable {
        /// The file, counted from 0.
        public var file = 0
        /// The lines before this place in its file.
        public var line = 0
        /// The bytes before this place in its file.
        public var byte: Int64 = 0
        /// The lines of all earlier files.
        public var earlierLines = 0
        /// The bytes of all earlier files.
        public var earlierBytes: Int64 = 0

        /// The start of the first file.
        public init() {}

        /// The lines before this place in all files.
        public var totalLines: Int { earlierLines + line }
        /// The bytes before this place in all files.
        public var totalBytes: Int64 { earlierBytes + byte }
    }

    /// One line, blank ones included.
    public struct Line: Sendable {
        /// The name of its file.
        public var file: String
        /// Its number in the file, counted from 1.
        public var number: Int
        /// Its number in the batch, all files counted through from 1.
        public var ordinal: Int
        /// Its bytes without the `\n`; only the first of them when it is longer than allowed.
        public var bytes: [UInt8]
        /// Its length in bytes, without the `\n`.
        public var length: Int
        /// The place behind it.
        public var end: Position

        /// Whether it is too long, and `bytes` thus incomplete.
        public var isTruncated: Bool { length > bytes.count }

        /// Whether it holds nothing but white space.
        public var isBlank: Bool {
            !isTruncated && bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
        }
    }

    /// The place behind the line given out last.
    public private(set) var position: Position
    /// The SHA-256 of each file read to its end, in hexadecimal; none if reading did not start at the first byte.
    public private(set) var digests: [String] = []

    private let files: [InputFile]
    private let maximumLineLength: Int
    private var buffer: [UInt8]
    private var unread = 0..<0
    private var filePlace: Int64
    private var hash: SHA256?

    /// A reader of files that follow one another.
    ///
    /// - Parameter position: where to start; a position that another reader of the same files gave.
    /// - Parameter bufferSize: bytes read at once.
    /// - Parameter maximumLineLength: bytes; of longer lines only the length and the start are given.
    public init(
        _ files: [InputFile], from position: Position = Position(), bufferSize: Int = 1 << 18,
        maximumLineLength: Int = 16 << 20
    ) {
        precondition(bufferSize > 0, "a reader needs a buffer")
        self.files = files
        self.position = position
        self.maximumLineLength = maximumLineLength
        buffer = Array(repeating: 0, count: bufferSize)
        filePlace = position.byte
        hash = position == Position() ? SHA256() : nil
    }

    /// The next line; `nil` behind the last line of the last file.
    ///
    /// - Throws: `BatchFileError` when the system cannot read.
    public mutating func next() throws(BatchFileError) -> Line? {
        while position.file < files.count {
            if position.byte == 0 { try skipByteOrderMark() }
            if let line = try nextLineOfFile() { return line }
            if position.file + 1 == files.count { break }
            startNextFile()
        }
        return nil
    }

    private mutating func nextLineOfFile() throws(BatchFileError) -> Line? {
        var bytes: [UInt8] = []
        var length = 0
        var record = files[position.file].format == .csv ? CSVRecordScanner() : nil
        while true {
            if unread.isEmpty, try !fill() {
                return length == 0
                    ? nil : finish(bytes, length, terminator: 0, innerLines: record?.innerLines ?? 0)
            }
            let newline = record == nil ? firstNewline(unread) : record?.end(in: buffer[unread])
            let piece = buffer[unread.lowerBound..<(newline ?? unread.upperBound)]
            bytes.append(contentsOf: piece.prefix(maximumLineLength - bytes.count))
            length += piece.count
            unread = (newline.map { $0 + 1 } ?? unread.upperBound)..<unread.upperBound
            if newline != nil {
                return finish(bytes, length, terminator: 1, innerLines: record?.innerLines ?? 0)
            }
        }
    }

    /// Where the buffer's first newline in a range is.
    private func firstNewline(_ range: Range<Int>) -> Int? {
        buffer.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            return memchr(start + range.lowerBound, Int32(UInt8(ascii: "\n")), range.count).map {
                UnsafeRawPointer($0) - start
            }
        }
    }

    private mutating func finish(_ bytes: [UInt8], _ length: Int, terminator: Int, innerLines: Int) -> Line {
        let number = position.line + 1
        let ordinal = position.totalLines + 1
        position.line += 1 + innerLines
        position.byte += Int64(length + terminator)
        return Line(
            file: files[position.file].name, number: number, ordinal: ordinal, bytes: bytes, length: length,
            end: position)
    }

    /// Reads the next bytes of the file; `false` at its end.
    private mutating func fill() throws(BatchFileError) -> Bool {
        let file = files[position.file]
        var count = 0
        try buffer.withUnsafeMutableBufferPointer { (target) throws(BatchFileError) in
            let target = UnsafeMutableRawBufferPointer(target)
            count = try file.read(into: target, at: filePlace)
            hash?.update(bufferPointer: UnsafeRawBufferPointer(rebasing: target[..<count]))
        }
        filePlace += Int64(count)
        unread = 0..<count
        if count == 0, let digest = hash?.finalize(), digests.count == position.file {
            digests.append(hexadecimal(digest))
        }
        return count > 0
    }

    private mutating func skipByteOrderMark() throws(BatchFileError) {
        var start: [UInt8] = [0, 0, 0]
        try start.withUnsafeMutableBufferPointer { (target) throws(BatchFileError) in
            _ = try files[position.file].read(into: UnsafeMutableRawBufferPointer(target), at: 0)
        }
        guard start == [0xEF, 0xBB, 0xBF], filePlace == 0 else { return }
        position.byte = 3
        filePlace = 3
        hash?.update(data: start)
    }

    private mutating func startNextFile() {
        position = Position(
            file: position.file + 1, earlierLines: position.totalLines, earlierBytes: position.totalBytes)
        filePlace = 0
        if hash != nil { hash = SHA256() }
    }
}

extension BatchFileReader.Position {
    fileprivate init(file: Int, earlierLines: Int, earlierBytes: Int64) {
        self.init()
        self.file = file
        self.earlierLines = earlierLines
        self.earlierBytes = earlierBytes
    }
}

/// The bytes as lower-case hexadecimal digits.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(2 * bytes.underestimatedCount)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}
