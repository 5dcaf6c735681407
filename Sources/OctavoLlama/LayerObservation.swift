/// A place inside a block whose values can be watched.
package enum LayerSite: Hashable, Sendable {
    /// The input of the query, key and value projections of a block.
    case attention(Int)
    /// The input of the attention output projection.
    case attentionOutput(Int)
    /// The input of the gate and up projections.
    case feedForward(Int)
    /// The input of the down projection.
    case down(Int)
    /// The residual stream after a block.
    case block(Int)
}

/// Rows of floats, one per token of a step; valid during a call.
package struct FloatRows: @unchecked Sendable {
    // Threads take rows of their own.
    package var base: UnsafeMutablePointer<Float>
    /// Rows.
    package var count: Int
    /// Elements in a row.
    package var width: Int
    /// From a row to the next, in elements.
    package var stride: Int

    /// Rows in memory that outlives them.
    package init(base: UnsafeMutablePointer<Float>, count: Int, width: Int, stride: Int) {
        self.base = base
        self.count = count
        self.width = width
        self.stride = stride
    }

    /// Where a row begins.
    package subscript(row: Int) -> UnsafeMutablePointer<Float> { base + row * stride }
}
