/// Work on the lines of files, on all cores and in order.
enum OrderedLines {
    /// Lines that one task takes on: enough to make its cost vanish.
    private static let blockLines = 512
    /// Bytes at which a block is closed earlier.
    private static let blockBytes = 1 << 20
    /// Blocks in the making at a time.
    private static let maximumBlocks = 8

    /// Applies `transform` to each line that `reader` gives, and hands its values on in blocks, in order.
    ///
    /// - Parameter consume: called with one block at a time; returns whether to go on.
    /// - Throws: what reading or `consume` throws.
    static func map<Output: Sendable>(
        _ reader: inout BatchFileReader, _ transform: @escaping @Sendable (BatchFileReader.Line) -> Output,
        consume: ([Output]) async throws -> Bool
    ) async throws {
        try await withThrowingTaskGroup(of: (Int, [Output]).self) { group in
            var finished: [Int: [Output]] = [:]
            var started = 0
            var consumed = 0
            while true {
                while started - consumed < maximumBlocks, let block = try nextBlock(&reader) {
                    group.addTask { [number = started] in (number, block.map(transform)) }
                    started += 1
                }
                guard let (number, lines) = try await group.next() else { return }
                finished[number] = lines
                while let lines = finished.removeValue(forKey: consumed) {
                    consumed += 1
                    guard try await consume(lines) else { return group.cancelAll() }
                }
            }
        }
    }

    private static func nextBlock(
        _ reader: inout BatchFileReader
    ) throws(BatchFileError) -> [BatchFileReader.Line]? {
        var lines: [BatchFileReader.Line] = []
        var size = 0
        while lines.count < blockLines, size < blockBytes, let line = try reader.next() {
            lines.append(line)
            size += line.bytes.count
        }
        return lines.isEmpty ? nil : lines
    }
}
