private import CZstd

/// Compresses by libzstd, in one frame and one thread, so that equal contents are equal bytes.
final class ZstandardCompressor: StreamCompressor {
    private let context: OpaquePointer
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 16)

    init() {
        guard let context = ZSTD_createCCtx() else { preconditionFailure("there is no memory for a compressor") }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    }

    deinit {
        ZSTD_freeCCtx(context)
        output.deallocate()
    }

    func compress(_ bytes: UnsafeRawBufferPointer, isLast: Bool, emit: (UnsafeRawBufferPointer) -> Bool) -> Bool {
        var input = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
        var isDone = false
        repeat {
            var room = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let left = ZSTD_compressStream2(context, &room, &input, isLast ? ZSTD_e_end : ZSTD_e_continue)
            precondition(ZSTD_isError(left) == 0, "libzstd fails for want of memory alone")
            guard emit(UnsafeRawBufferPointer(rebasing: output[..<room.pos])) else { return false }
            isDone = isLast ? left == 0 : input.pos == input.size
        } while !isDone
        return true
    }
}
