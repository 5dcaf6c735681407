private import CZlib

/// Compresses by zlib, whose gzip header has neither time nor name unless it is told them.
final class GzipCompressor: StreamCompressor {
    /// 15 bits of window, and 16 to ask for gzip's header and trailer rather than zlib's own.
    private static let windowBits: Int32 = 15 + 16
    /// zlib's default: 256 KiB of memory for a stream.
    private static let memoryLevel: Int32 = 8

    /// zlib's state points back to the stream, which must not move.
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)

    init() {
        stream.initialize(to: z_stream())
        let status = deflateInit2_(
            stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, Self.windowBits, Self.memoryLevel, Z_DEFAULT_STRATEGY,
            ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        precondition(status == Z_OK, "zlib refuses its own defaults: it is not the version that Octavo was built with")
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    func compress(_ bytes: UnsafeRawBufferPointer, isLast: Bool, emit: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        precondition(bytes.count <= UInt32.max, "zlib counts the bytes of a call in 32 bits")
        // zlib does not write to its input, though its declaration does not say so.
        stream.pointee.next_in = UnsafeMutablePointer(
            mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.pointee.avail_in = UInt32(bytes.count)
        repeat {
            stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = UInt32(output.count)
            deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
            let ready = output.count - Int(stream.pointee.avail_out)
            guard emit(UnsafeRawBufferPointer(rebasing: output[..<ready])) else { return false }
            // A buffer that was not filled means that zlib has nothing more to give.
        } while stream.pointee.avail_out == 0
        return true
    }
}
