internal import COctavoKernels

/// The kernels of one instruction set: the only door to the C module.
///
/// The pointers taken here come from buffers that this module allocated and sized; what can be checked cheaply is.
public struct Kernels: @unchecked Sendable {
    // Points to a constant table.
    private let table: UnsafePointer<octavo_kernels>

    /// Every instruction set that this CPU can run, the fastest first; the last is `scalar`, the specification.
    public static let available: [Kernels] = {
        var tables = [UnsafePointer<octavo_kernels>?](repeating: nil, count: Int(OCTAVO_MOST_TABLES))
        let count = octavo_available_kernels(&tables)
        return tables.prefix(count).compactMap { $0.map(Kernels.init(table:)) }
    }()

    /// The fastest kernels of this CPU.
    public static var best: Kernels { available[0] }

    /// The kernels of that name, if this CPU can run them.
    public static func named(_ name: String) -> Kernels? { available.first { $0.name == name } }

    private init(table: UnsafePointer<octavo_kernels>) { self.table = table }

    /// `scalar`, `avx2`, `avxvnni`, `avx512vnni`, `neon` or `i8mm`.
    public var name: String { String(cString: table.pointee.name) }
}

// MARK: - Sizes

extension Kernels {
    /// Floats in a lane group.
    package static let lanes = Int(OCTAVO_LANES)
    /// Output channels in a panel of packed INT8 weights.
    package static let panel = Int(OCTAVO_PANEL)

    /// `count` rounded up to whole lane groups: the length of a float vector with its padding.
    package static func padded(_ count: Int) -> Int { roundUp(count, to: lanes) }
    /// `count` rounded up to the depth unit of INT8 vectors.
    package static func paddedDepth(_ count: Int) -> Int { roundUp(count, to: Int(OCTAVO_DEPTH)) }

    private static func roundUp(_ count: Int, to unit: Int) -> Int { (count + unit - 1) / unit * unit }
}

// MARK: - Matrix multiplication

extension Kernels {
    /// Rows of INT8 activations, `[rows, depth]`, with a scale and a sum for each group of features, `[rows, groups]`.
    /// With two planes a vector is a pair of rows, whose products are added.
    package struct Activations {
        package var values: UnsafeMutablePointer<Int8>
        package var scales: UnsafeMutablePointer<Float>
        package var sums: UnsafeMutablePointer<Int32>
        package var depth: Int
        package var groups: Int
        package var planes: Int

        package init(
            values: UnsafeMutablePointer<Int8>, scales: UnsafeMutablePointer<Float>,
            sums: UnsafeMutablePointer<Int32>, depth: Int, groups: Int = 1, planes: Int = 1
        ) {
            self.values = values
            self.scales = scales
            self.sums = sums
            self.depth = depth
            self.groups = groups
            self.planes = planes
        }

        /// Those behind the first rows.
        func dropping(rows: Int) -> Activations {
            var rest = self
            rest.values += rows * depth
            rest.scales += rows * groups
            rest.sums += rows * groups
            return rest
        }
    }

    /// Multiplies `rows` vectors by some panels of a matrix; see `octavo_int8_matmul`.
    package func multiply(
        _ activations: Activations, rows: Int, by matrix: QuantizedMatrix, panels: Range<Int>,
        into output: UnsafeMutablePointer<Float>, stride: Int, accumulates: Bool
    ) {
        precondition(activations.depth == matrix.depth, "activations and weights differ in depth")
        precondition(activations.groups == matrix.groupCount, "activations and weights differ in groups")
        precondition(panels.lowerBound >= 0 && panels.upperBound <= matrix.panelCount && rows >= 0)
        precondition(stride >= matrix.panelCount * Self.panel)
        let column = panels.lowerBound * Self.panel
        var arguments = octavo_int8_matmul(
            a: activations.values, a_scale: activations.scales, a_sum: activations.sums,
            rows: rows * activations.planes, depth: matrix.depth, groups: matrix.groupCount,
            planes: activations.planes, w: matrix.panels.base + column * matrix.depth,
            w_scale: matrix.scales.base + column, panels: panels.count, out: output + column, out_stride: stride,
            accumulates: accumulates ? 1 : 0)
        table.pointee.int8_matmul(&arguments)
    }

    /// Multiplies `rows` float vectors by some rows of a float matrix; see `octavo_float_matmul`.
    package func multiply(
        _ vectors: UnsafePointer<Float>, rows: Int, by matrix: FloatMatrix, columns: Range<Int>,
        into output: UnsafeMutablePointer<Float>, stride: Int
    ) {
        precondition(columns.lowerBound >= 0 && columns.upperBound <= matrix.rows && stride >= matrix.rows)
        var arguments = octavo_float_matmul(
            x: vectors, rows: rows, depth: matrix.depth, w: matrix.address(ofRow: columns.lowerBound),
            type: matrix.precision.kernelType, columns: columns.count, out: output + columns.lowerBound,
            out_stride: stride)
        table.pointee.float_matmul(&arguments)
    }
}

// MARK: - Vectors

extension Kernels {
    /// RMSNorm of one row; see `rms_norm` in the header.
    package func normalize(
        _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, epsilon: Float, count: Int,
        into y: UnsafeMutablePointer<Float>
    ) {
        table.pointee.rms_norm(x, weight, epsilon, count, y)
    }

    /// Quantizes one vector of `count` floats into row `row` of the activations.
    package func quantize(_ x: UnsafePointer<Float>, count: Int, into activations: Activations, row: Int) {
        let (depth, groups) = (activations.depth, activations.groups)
        precondition(Self.paddedDepth(count) == depth)
        precondition(groups == 1 || count % (groups * Self.paddedDepth(1)) == 0, "groups of features need no padding")
        table.pointee.quantize(
            x, count, groups, activations.values + row * depth, activations.scales + row * groups,
            activations.sums + row * groups)
    }

    /// Quantizes one vector of `count` floats into the two planes of row `row`; see `quantize_planes` in the header.
    package func quantizePlanes(_ x: UnsafePointer<Float>, count: Int, into activations: Activations, row: Int) {
        precondition(activations.planes == 2 && activations.groups == 1)
        precondition(Self.paddedDepth(count) == activations.depth)
        table.pointee.quantize_planes(
            x, count, activations.values + 2 * row * activations.depth, activations.scales + 2 * row,
            activations.sums + 2 * row)
    }

    /// The index of the largest element, the lowest of several; `nil` if any is NaN or infinite.
    package func largest(_ row: UnsafeBufferPointer<Float>) -> Int? {
        let index = table.pointee.largest(row.baseAddress, row.count)
        return index < row.count ? index : nil
    }

    /// y = silu(gate) * up over a padded length.
    package func siluMultiply(
        gate: UnsafePointer<Float>, up: UnsafePointer<Float>, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        precondition(count % Self.lanes == 0)
        table.pointee.silu_multiply(gate, up, count, y)
    }

    /// f32 to f16, halves to even.
    package func convert(_ x: UnsafePointer<Float>, count: Int, toF16 y: UnsafeMutablePointer<UInt16>) {
        precondition(count % Self.lanes == 0)
        table.pointee.to_f16(x, count, y)
    }

    /// Quantizes one head's key or value for a cache of INT8 and returns its scale; see `quantize_cached` in the header.
    package func quantizeCached(_ x: UnsafePointer<Float>, count: Int, into q: UnsafeMutablePointer<Int8>) -> Float {
        precondition(count % Self.lanes == 0)
        return table.pointee.quantize_cached(x, count, q)
    }

    /// Stored elements to f32, exactly.
    package func convert(
        _ x: UnsafeRawPointer, precision: FloatMatrix.Precision, count: Int, into y: UnsafeMutablePointer<Float>
    ) {
        precondition(count % Self.lanes == 0)
        switch precision {
        case .f32: y.update(from: x.assumingMemoryBound(to: Float.self), count: count)
        case .f16: table.pointee.from_f16(x.assumingMemoryBound(to: UInt16.self), count, y)
        case .bf16: table.pointee.from_bf16(x.assumingMemoryBound(to: UInt16.self), count, y)
        }
    }
}

extension FloatMatrix.Precision {
    fileprivate var kernelType: octavo_float_type {
        switch self {
        case .f32: OCTAVO_F32
        case .f16: OCTAVO_F16
        case .bf16: OCTAVO_BF16
        }
    }
}

// MARK: - Attention and rotation

extension Kernels {
    /// What attention reads and writes at consecutive positions for the query heads of one key-value head.
    package struct Attention {
        /// `[positions, heads, headSize]`, rotated and scaled, positions `queryStride` apart.
        package var queries: UnsafePointer<Float>
        package var queryStride: Int
        package var positions: Int
        package var heads: Int
        /// The head dimension with its padding.
        package var headSize: Int
        package var headDimension: Int
        package var cache: KVCache.View
        /// Positions that the first query attends to; each further position attends to one more.
        package var length: Int
        /// Scratch of at least `scoreCount` floats.
        package var scores: UnsafeMutablePointer<Float>
        /// `[positions, heads, headDimension]`, positions `outputStride` apart.
        package var output: UnsafeMutablePointer<Float>
        package var outputStride: Int
        /// The first keys that this thread's next call will read, to be fetched meanwhile; `nil` if they are not known.
        package var following: UnsafeRawPointer?

        package init(
            queries: UnsafePointer<Float>, queryStride: Int, positions: Int, heads: Int, headSize: Int,
            headDimension: Int, cache: KVCache.View, length: Int, scores: UnsafeMutablePointer<Float>,
            output: UnsafeMutablePointer<Float>, outputStride: Int, following: UnsafeRawPointer? = nil
        ) {
            self.queries = queries
            self.queryStride = queryStride
            self.positions = positions
            self.heads = heads
            self.headSize = headSize
            self.headDimension = headDimension
            self.cache = cache
            self.length = length
            self.scores = scores
            self.output = output
            self.outputStride = outputStride
            self.following = following
        }
    }

    /// Floats of scratch that attention of `heads` heads at `positions` positions wants, the last of which attends to
    /// `length` positions.
    package static func scoreCount(positions: Int, heads: Int, headSize: Int, length: Int) -> Int {
        positions * heads * scoreStride(headSize: headSize, length: length)
    }

    private static func scoreStride(headSize: Int, length: Int) -> Int { padded(length) + headSize + lanes }

    /// Attention at some positions; see `octavo_attention`.
    package func attend(_ attention: Attention) {
        let cache = attention.cache
        let longest = attention.length + attention.positions - 1
        precondition(attention.length > 0 && attention.positions > 0)
        precondition(longest <= cache.blockCount * cache.blockLength && cache.blockLength % Self.lanes == 0)
        var arguments = octavo_attention(
            q: attention.queries, q_stride: attention.queryStride, positions: attention.positions,
            heads: attention.heads, head_size: attention.headSize, keys: cache.keys, values: cache.values,
            blocks: cache.blocks, block_stride: cache.blockStride, block_length: cache.blockLength,
            following: attention.following, length: attention.length, scores: attention.scores,
            score_stride: Self.scoreStride(headSize: attention.headSize, length: longest), out: attention.output,
            out_stride: attention.outputStride, head_dimension: attention.headDimension)
        switch attention.cache.precision {
        case .f32: table.pointee.attention_f32(&arguments)
        case .f16: table.pointee.attention_f16(&arguments)
        case .int8: table.pointee.attention_int8(&arguments)
        }
    }

    /// The cosines and sines by which position `position` is rotated.
    package static func rotation(
        position: Int, inverseFrequencies: [Float], cosines: UnsafeMutablePointer<Float>,
        sines: UnsafeMutablePointer<Float>
    ) {
        octavo_rotation(Int32(position), inverseFrequencies, inverseFrequencies.count, cosines, sines)
    }

    /// Rotates one head and scales it; the padding of `y` becomes zero.
    package func rotate(
        _ x: UnsafePointer<Float>, cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>, half: Int, scale: Float,
        paddedCount: Int, into y: UnsafeMutablePointer<Float>
    ) {
        precondition(paddedCount >= 2 * half)
        table.pointee.rotate(x, cosines, sines, half, scale, paddedCount, y)
    }

    /// The order of the Hadamard matrices by which `hadamard` multiplies so many elements.
    package static func hadamardOrder(_ count: Int) -> Int { count & -count }

    /// Multiplies one head by a Hadamard matrix, block by block; see `hadamard` in the header.
    package func hadamard(_ x: UnsafeMutablePointer<Float>, count: Int) { table.pointee.hadamard(x, count) }

    /// Packs at most 16 rows of an INT8 matrix, `[rows][count]`, into a panel; see the header.
    package static func pack(
        _ values: UnsafePointer<Int8>, rows: Int, count: Int, depth: Int, into panel: UnsafeMutablePointer<UInt8>
    ) {
        precondition(rows >= 0 && rows <= Self.panel && count >= 0 && count <= depth)
        octavo_pack_int8_panel(values, rows, count, depth, panel)
    }

    /// Tells the CPU that this thread spins.
    static func pause() { octavo_pause() }
}

// MARK: - Ceilings

extension Kernels {
    /// Runs INT8 multiply-accumulates from registers; returns how many, 0 where there is no such measure.
    func int8Peak(rounds: Int) -> Int { Int(table.pointee.int8_peak(rounds)) }

    /// Runs float multiply-adds from registers; returns how many.
    func floatPeak(rounds: Int) -> Int { Int(table.pointee.float_peak(rounds)) }

    /// Reads part of a buffer in several streams, fetching each `ahead` bytes before it is read.
    func readAll(_ buffer: AlignedBuffer<Float>, _ range: Range<Int>, streams: Int, ahead: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= buffer.count)
        precondition(streams > 0 && range.count % (4 * Self.lanes * streams) == 0)
        _ = table.pointee.read_all(buffer.base + range.lowerBound, range.count, streams, ahead)
    }
}
