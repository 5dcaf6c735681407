/// The weights of a Llama model by what they do, wherever they come from.
public protocol ModelWeights: Sendable {
    /// The model's sizes and constants.
    var configuration: ModelConfiguration { get }
    /// The file or folder that errors name.
    var path: String { get }
    /// The matrix that plays `role`; for `outputHead` of a tied model, the token embedding.
    ///
    /// - Throws: `WeightsError` when the model has no such block or the role is a vector's.
    func matrix(_ role: TensorRole) throws(WeightsError) -> any WeightRows
    /// The vector that plays `role`: a norm's weights.
    ///
    /// - Throws: `WeightsError` when the model has no such block or the role is a matrix's.
    func vector(_ role: TensorRole) throws(WeightsError) -> [Float]
    /// Lets go of the memory behind what was read so far; it is found again when it is read again.
    func releasePages()
}

/// A matrix of weights, one row per output channel, in Hugging Face's order. Threads may read at the same time.
public protocol WeightRows: Sendable {
    /// Output channels, or tokens of an embedding.
    var rows: Int { get }
    /// Input channels.
    var columns: Int { get }
    /// The type that the elements have, or that is precise enough to keep them in.
    var elementType: ElementType { get }
    /// The scale of each row if the elements are kept as INT8, `[rows]`; element = integer · scale.
    var channelScales: [Float]? { get }
    /// Reads rows as `Float`, row-major.
    ///
    /// - Parameters:
    ///   - range: rows of this matrix.
    ///   - buffer: receives `range.count * columns` elements.
    func read(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Float>)
    /// Reads rows as INT8; only where there are `channelScales`.
    ///
    /// - Parameters:
    ///   - range: rows of this matrix.
    ///   - buffer: receives `range.count * columns` integers.
    func readInt8(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Int8>)
}

extension WeightRows {
    /// There are none.
    public var channelScales: [Float]? { nil }

    /// Not to be called.
    public func readInt8(rows range: Range<Int>, into buffer: UnsafeMutableBufferPointer<Int8>) {
        preconditionFailure("the matrix is not kept as INT8")
    }
}

/// Calls `body` for every index below `count`, on several threads if it likes.
package typealias Parallel = @Sendable (_ count: Int, _ body: @Sendable (_ index: Int) -> Void) -> Void
