/// How a file is compressed, which its name tells.
///
/// The bytes depend on the contents and the library alone: there is no time and no name in them.
package enum Compression: Sendable, Hashable, CaseIterable {
    /// RFC 1952, at zlib's usual level, 6.
    case gzip
    /// RFC 8878, at Zstandard's usual level, 3, with a checksum.
    case zstandard

    /// The end of the names of files that are compressed so.
    package var suffix: String {
        switch self {
        case .gzip: ".gz"
        case .zstandard: ".zst"
        }
    }

    /// The compression of a file of this name; `nil` for none.
    package init?(path: String) {
        guard let match = Self.allCases.first(where: { path.hasSuffix($0.suffix) }) else { return nil }
        self = match
    }

    /// A compressor of one stream.
    func makeCompressor() -> any StreamCompressor {
        switch self {
        case .gzip: GzipCompressor()
        case .zstandard: ZstandardCompressor()
        }
    }
}

/// Compresses one stream of bytes, in constant memory.
protocol StreamCompressor: AnyObject {
    /// Compresses the next bytes.
    ///
    /// - Parameters:
    ///   - isLast: whether the stream ends with them; nothing may follow.
    ///   - emit: takes compressed bytes as they get ready, and returns whether it could.
    /// - Returns: whether `emit` took all.
    func compress(_ bytes: UnsafeRawBufferPointer, isLast: Bool, emit: (UnsafeRawBufferPointer) -> Bool) -> Bool
}
