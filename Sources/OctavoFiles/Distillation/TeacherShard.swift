internal import OctavoCore

/// Samples as columns: what one safetensors file of an export holds.
///
/// Samples follow each other in every column; two more say where each begins.
struct TeacherShard {
    private let temperatures: [Float]
    private var tokenOffsets = Column("token_offsets", Int64.self)
    private var positionOffsets = Column("position_offsets", Int64.self)
    private var logSumExps: Column
    private var logprobs = Column("logprob", Float.self)
    private var ranks = Column("rank", Int32.self)
    private var topIDs: Column
    private var firstPlaces = Column("first_position", Int32.self)
    private var inputIDs = Column("input_ids", Int32.self)
    private var topLogits: Column
    private var lossMask = Column("loss_mask", UInt8.self)
    private var tokenCount = 0
    private var positionCount = 0
    /// How many samples it has.
    private(set) var count = 0

    /// A shard without samples, all of which will have the same shape.
    init(_ shape: TeacherShape) {
        temperatures = shape.temperatures
        logSumExps = Column("log_sum_exp", Float.self, width: shape.temperatures.count)
        topIDs = Column("topk_ids", Int32.self, width: shape.topCount)
        topLogits = Column("topk_logits", Float16.self, width: shape.topCount)
        appendOffsets()
    }

    /// In the order of the file: large elements first, so that all are aligned.
    private var columns: [Column] {
        [
            tokenOffsets, positionOffsets, logSumExps, logprobs, ranks, topIDs, firstPlaces, inputIDs, topLogits,
            lossMask,
        ]
    }

    /// The bytes of all columns.
    var byteCount: Int { columns.reduce(0) { $0 + $1.bytes.count } }

    /// Adds a sample.
    mutating func append(_ sample: TeacherSample) {
        inputIDs.append(sample.tokens)
        lossMask.append(sample.tokens.indices.map { sample.learned.contains($0) ? UInt8(1) : 0 })
        firstPlaces.append([Int32(sample.firstPlace)])
        for position in sample.positions {
            topIDs.append(position.tokens)
            topLogits.append(position.relativeLogits)
            logSumExps.append(position.logSumExps)
            logprobs.append([position.logprob])
            ranks.append([position.rank])
        }
        tokenCount += sample.tokens.count
        positionCount += sample.positions.count
        count += 1
        appendOffsets()
    }

    private mutating func appendOffsets() {
        tokenOffsets.append([Int64(tokenCount)])
        positionOffsets.append([Int64(positionCount)])
    }

    /// The file, in pieces that follow each other.
    var pieces: [[UInt8]] {
        let temperatures = temperatures.map { JSONValue.double(Double($0.description) ?? Double($0)) }
        var header = SafetensorsHeader(metadata: [
            ("format", "octavo-distill"), ("version", "1"), ("temperatures", JSONValue.array(temperatures).jsonText),
            ("convention", "the position at token t tells of token t + 1; a sample's first is at first_position"),
        ])
        header.tensors = columns.map(\.tensor)
        return [header.bytes] + columns.map(\.bytes)
    }
}

/// Rows of numbers, as a tensor stores them.
private struct Column {
    private let name: String
    private let type: String
    private let elementSize: Int
    private let width: Int?
    private(set) var bytes: [UInt8] = []

    /// - Parameter width: how many numbers a row has; `nil` where a row is one number, not an array of one.
    init<Element: TensorElement>(_ name: String, _: Element.Type, width: Int? = nil) {
        self.name = name
        type = Element.tensorType
        elementSize = MemoryLayout<Element>.size
        self.width = width
    }

    /// Every platform that Octavo runs on has the format's order of bytes.
    mutating func append<Element: TensorElement>(_ values: [Element]) {
        assert(Element.tensorType == type)
        values.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    var tensor: SafetensorsHeader.Tensor {
        let rows = bytes.count / elementSize / max(width ?? 1, 1)
        return SafetensorsHeader.Tensor(
            name: name, type: type, shape: [rows] + (width.map { [$0] } ?? []), byteCount: bytes.count)
    }
}

/// A number that a tensor can hold.
private protocol TensorElement {
    /// The type, as safetensors calls it.
    static var tensorType: String { get }
}

extension UInt8: TensorElement { fileprivate static var tensorType: String { "U8" } }
extension Int32: TensorElement { fileprivate static var tensorType: String { "I32" } }
extension Int64: TensorElement { fileprivate static var tensorType: String { "I64" } }
extension Float16: TensorElement { fileprivate static var tensorType: String { "F16" } }
extension Float: TensorElement { fileprivate static var tensorType: String { "F32" } }
