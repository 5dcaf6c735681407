/// The rows of a matrix in pieces: how much of a file is read before its pages are let go.
enum RowPieces {
    /// Large enough that page faults do not matter, small beside what is computed from it.
    private static let byteCount = 32 << 20

    /// Consecutive ranges that together are all `rows`; each has as many as fit, but at least one.
    static func of(rows: Int, bytesPerRow: Int) -> [Range<Int>] {
        let step = max(1, byteCount / max(1, bytesPerRow))
        return stride(from: 0, to: rows, by: step).map { $0..<min($0 + step, rows) }
    }
}
